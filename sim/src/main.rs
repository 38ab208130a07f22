fn main() {
    let from: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let to: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let start = std::time::Instant::now();
    let mut all = mqtt_engine_sim::coverage::Coverage::default();
    let mut fails = std::collections::BTreeMap::<&str, (u32, u64, String)>::new();
    for seed in from..to {
        let (setup, steps) = mqtt_engine_sim::pair::draw(seed);
        let on = to == from + 1;
        let report = mqtt_engine_sim::pair::run(&setup, &steps, if on { mqtt_engine_sim::trace::Trace::on() } else { Default::default() });
        if on { println!("{setup:?}"); println!("{}", report.trace.as_str()); }
        all.add(&report.coverage);
        if let Some(v) = report.violation {
            fails.entry(v.rule).or_insert((0, seed, v.details)).0 += 1;
        }
    }
    println!("{all}");
    println!("{} runs/s", (to - from) as f64 / start.elapsed().as_secs_f64());
    for f in fails { println!("{f:?}"); }
}
