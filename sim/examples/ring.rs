use mqtt_engine_sim::turmoil::{self, setup::Setup};
fn main() {
    let from: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let to: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let start = std::time::Instant::now();
    let mut all = turmoil::coverage::Coverage::default();
    let mut fails = std::collections::BTreeMap::<&str, (u32, Vec<u64>, String)>::new();
    let mut elapsed = std::time::Duration::ZERO;
    for seed in from..to {
        let setup = Setup::draw(seed);
        let on = to == from + 1;
        let report = turmoil::run(&setup, if on { mqtt_engine_sim::trace::Trace::on() } else { Default::default() });
        if on { println!("{setup:#?}"); println!("{}", report.trace.as_str()); }
        all.add(&report.coverage);
        elapsed += report.elapsed;
        if let Some(v) = report.violation {
            let e = fails.entry(v.rule).or_insert((0, vec![], v.details)); e.0 += 1; if e.1.len() < 12 { e.1.push(seed) };
        }
    }
    println!("{all}");
    println!("{} runs/s, {:?} virtual each", (to - from) as f64 / start.elapsed().as_secs_f64(), elapsed / (to-from) as u32);
    for f in fails { println!("{f:?}"); }
}
