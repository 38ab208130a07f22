//! The ring of whole hosts: a small share of its seeds, each kind of fault by itself, and planted bugs that must be found.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test says what went wrong by panicking"
)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use mqtt_engine_sim::{
    Report, Ring,
    coverage::{Coverage, Row},
    random::Random,
    trace::Trace,
    turmoil::{
        Turmoil,
        chopped::Chopped,
        faults::{Break, Fault, Link, Node, Way, power_back, power_loss},
        sabotage::Sabotage,
        setup::Setup,
    },
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use turmoil::{Sim, net::TcpListener, net::TcpStream};

const SEEDS: u64 = 12;

/// How many setups each test of one fault tries.
const SETUPS: u64 = 3;

fn must_be_well(seed: u64, report: &Report) {
    if let Some(violation) = &report.violation {
        panic!(
            "seed {seed}: {violation}\ncargo run --release -p mqtt-engine-sim -- --ring turmoil --replay {seed}"
        );
    }
}

/// A setup whose clients all go through the relay.
fn relayed(seed: u64) -> Setup {
    let (mut setup, _) = Turmoil::draw(seed);
    setup.clients.iter_mut().for_each(|client| client.is_relayed = true);
    setup
}

/// Runs setups in which one thing breaks twice, and nothing else; what happened.
fn with_faults(what: Break) -> Coverage {
    with_long_faults(what, Duration::from_millis(300))
}

/// The same, and what breaks stays so for a while.
fn with_long_faults(what: Break, lasts: Duration) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in 0..SETUPS {
        let mut setup = relayed(seed);
        setup.busy = Duration::from_secs(4);
        let fault = |at| Fault { at: Duration::from_millis(at), lasts, what };
        let report = Turmoil::run(&setup, &[fault(300), fault(900)], Trace::default());
        must_be_well(seed, &report);
        coverage.add(&report.coverage);
    }
    coverage
}

#[test]
fn a_share_of_the_seeds() {
    let mut coverage = Coverage::default();
    for seed in 0..SEEDS {
        let report = Turmoil::run_seed(seed);
        must_be_well(seed, &report);
        coverage.add(&report.coverage);
    }
    println!("{}", coverage.table(Turmoil::ROWS));
    assert!(coverage.of(Row::SessionResumed) > 0 && coverage.of(Row::WillAtOnce) > 0);
}

/// 16: a keep alive that is over when a takeover comes. 518, 1444: half a message is sent to the end on a connection that has lost
/// its session. 1946: a connection ends in the middle of its CONNACK. 6586: a message whose question is answered after its connection ended
/// was accepted behind those of the next connection.
#[test]
fn seeds_that_failed_once() {
    for seed in [16, 518, 1444, 1946, 6586] {
        must_be_well(seed, &Turmoil::run_seed(seed));
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 7, 11, 42] {
        let (setup, faults) = Turmoil::draw(seed);
        let run = || Turmoil::run(&setup, &faults, Trace::on());
        let (first, second) = (run(), run());
        assert!(first.trace.as_str().len() > 10_000);
        assert!(first.trace.as_str() == second.trace.as_str(), "seed {seed}: the second run differs");
        assert_eq!(first.coverage, second.coverage);
    }
    let words = |seed| {
        let (setup, faults) = Turmoil::draw(seed);
        Turmoil::run(&setup, &faults, Trace::on()).trace.as_str().to_owned()
    };
    assert!(words(3) != words(4), "another seed gives another run");
}

#[test]
fn partitions() {
    let lasts = Duration::from_millis(2500);
    let coverage = with_long_faults(Break::Partition(Link(Node::Client(0), Node::Relay)), lasts);
    assert!(coverage.of(Row::Partition) > 0 && coverage.of(Row::ConnectFailed) > 0);
}

#[test]
fn partitions_in_one_direction() {
    for way in [Way::Up, Way::Down] {
        let coverage = with_faults(Break::OneWay(Link(Node::Client(0), Node::Relay), way));
        assert!(coverage.of(Row::OneWay) > 0 && coverage.of(Row::ConnectionLost) > 0);
    }
}

#[test]
fn holding_and_releasing() {
    assert!(with_faults(Break::Hold(Link(Node::Client(1), Node::Relay))).of(Row::Hold) > 0);
}

#[test]
fn loss_and_slowness() {
    let coverage = with_faults(Break::Loss(Link(Node::Relay, Node::Broker), 200));
    assert!(coverage.of(Row::Loss) > 0 && coverage.of(Row::ConnectionLost) > 0);
    assert!(with_faults(Break::Slow(Link(Node::Relay, Node::Broker), 200)).of(Row::Slow) > 0);
}

#[test]
fn crashes() {
    let coverage = with_faults(Break::Crash(Node::Client(0)));
    assert!(coverage.of(Row::ClientCrash) > 0 && coverage.of(Row::SessionBegun) > 0);
    let coverage = with_faults(Break::Crash(Node::Broker));
    assert!(coverage.of(Row::BrokerCrash) > 0 && coverage.of(Row::SessionLost) > 0);
    assert!(with_faults(Break::Crash(Node::Relay)).of(Row::RelayCrash) > 0);
}

#[test]
fn power_losses() {
    let coverage = with_faults(Break::PowerLoss(Node::Client(0)));
    assert!(coverage.of(Row::ClientPowerLoss) > 0);
    let coverage = with_faults(Break::PowerLoss(Node::Broker));
    assert!(coverage.of(Row::BrokerPowerLoss) > 0 && coverage.of(Row::SessionLost) > 0);
    assert!(with_faults(Break::PowerLoss(Node::Relay)).of(Row::RelayPowerLoss) > 0);
}

#[test]
fn a_broker_that_stops_and_starts() {
    let coverage = with_faults(Break::Restart);
    assert!(coverage.of(Row::BrokerTold) > 0 && coverage.of(Row::SessionLost) > 0);
}

#[test]
fn the_relay_cuts_inside_packets() {
    let mut coverage = Coverage::default();
    for bytes in [1, 20, 45] {
        coverage.add(&with_faults(Break::Cut(Way::Up, bytes)));
        coverage.add(&with_faults(Break::Cut(Way::Down, bytes)));
    }
    assert!(coverage.of(Row::CutMidPacket) > 0 && coverage.of(Row::SessionResumed) > 0);
}

#[test]
fn the_relay_falls_silent_in_one_direction() {
    let coverage = with_faults(Break::Stall(Way::Down, 10));
    assert!(coverage.of(Row::Stalled) > 0 && coverage.of(Row::PingTimeout) > 0);
    let coverage = with_faults(Break::Stall(Way::Up, 10));
    assert!(coverage.of(Row::Stalled) > 0);
    let coverage = with_faults(Break::HalfClose(Way::Down));
    assert!(coverage.of(Row::HalfClosed) > 0 && coverage.of(Row::ConnectionLost) > 0);
}

/// What the oracle says of a planted bug, without any other fault.
fn found(what: Sabotage) -> Vec<&'static str> {
    let rules = (0..6).map(|seed| {
        let mut setup = relayed(seed);
        setup.busy = Duration::from_secs(2);
        setup.sabotage = Some(what);
        Turmoil::run(&setup, &[], Trace::default()).violation.map(|violation| violation.rule)
    });
    rules.flatten().collect()
}

#[test]
fn an_acknowledgement_that_never_comes_is_found() {
    assert!(found(Sabotage::LosePubAck).contains(&"wedged"));
}

#[test]
fn an_acknowledged_message_that_is_lost_is_found() {
    assert!(found(Sabotage::LoseMessages).contains(&"what is acknowledged was accepted"));
}

#[test]
fn a_qos_2_message_that_comes_twice_is_found() {
    assert!(found(Sabotage::RepeatQoS2).contains(&"QoS 0 and 2 are accepted once"));
}

#[test]
fn messages_in_the_wrong_order_are_found() {
    assert!(found(Sabotage::Reorder).contains(&"accepted in order"));
}

/// With `--cfg tokio_unstable` it is turmoil that notices, otherwise the simulator itself.
#[test]
fn a_panic_in_a_task_that_nobody_looks_at_is_found() {
    assert_eq!(found(Sabotage::Panic), ["panic"; 6]);
}

fn small_sim<'a>() -> Sim<'a> {
    turmoil::Builder::new().rng_seed(1).epoch(SystemTime::UNIX_EPOCH).build()
}

/// A host that serves what it is asked: it says "hello" and then nothing.
async fn greet() -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", 7)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"hello").await?;
        // Open until the end of the host.
        tokio::task::spawn_local(async move { drop(stream.read_u8().await) });
    }
}

/// After a crash the peer hears FIN or RST at once; after a power loss nothing, until the host is back and the peer speaks.
#[test]
fn power_loss_is_silent() {
    for is_silent in [false, true] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut sim = small_sim();
        sim.host("server", greet);
        let words = Arc::clone(&heard);
        sim.host("peer", move || {
            let words = Arc::clone(&words);
            async move {
                let mut stream = TcpStream::connect(("server", 7)).await?;
                let mut hello = [0; 5];
                stream.read_exact(&mut hello).await?;
                words.lock().unwrap().push(String::from_utf8(hello.to_vec())?);
                let end = stream.read(&mut hello).await.map_err(|error| error.kind());
                words.lock().unwrap().push(format!("{end:?}"));
                std::future::pending().await
            }
        });
        let steps = |sim: &mut Sim<'_>| (0..2000).for_each(|_| assert!(sim.step().unwrap()));
        steps(&mut sim);
        assert_eq!(*heard.lock().unwrap(), ["hello"]);
        if is_silent {
            power_loss(&mut sim, "server", ["server", "peer"]);
        } else {
            sim.crash("server");
        }
        assert!(!sim.is_host_running("server"));
        steps(&mut sim);
        assert_eq!(heard.lock().unwrap().len(), if is_silent { 1 } else { 2 });
        if is_silent {
            power_back(&mut sim, "server", ["server", "peer"]);
            steps(&mut sim);
            assert!(sim.is_host_running("server"));
            assert_eq!(heard.lock().unwrap().len(), 1, "who does not speak hears nothing");
        }
    }
}

/// Every byte comes, in order and in small pieces; and neither reads nor writes are always ready.
#[tokio::test]
async fn a_chopped_stream_moves_crumbs() {
    let (near, far) = duplex(1 << 16);
    let mut writer = Chopped::new(near, Random::new(1));
    let mut reader = Chopped::new(far, Random::new(2));
    let sent: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let bytes = sent.clone();
    let writing = tokio::spawn(async move {
        let mut left = &bytes[..];
        let mut pieces = 0;
        while !left.is_empty() {
            let count = writer.write(left).await.unwrap();
            assert!((1..=24).contains(&count));
            left = &left[count..];
            pieces += 1;
        }
        writer.shutdown().await.unwrap();
        pieces
    });
    let mut got = Vec::new();
    let mut pieces = 0;
    loop {
        let mut buffer = [0; 100];
        let count = reader.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        assert!(count <= 24);
        got.extend_from_slice(&buffer[..count]);
        pieces += 1;
    }
    assert_eq!(got, sent);
    assert!(pieces > 5000 / 24 && writing.await.unwrap() > 5000 / 24);
}

/// What turmoil itself notices of a panic in a task: with `--cfg tokio_unstable` its runtimes end with the task.
#[test]
fn a_panic_in_a_task_ends_a_runtime_only_in_unstable_builds() {
    let mut sim = small_sim();
    sim.host("careless", || async {
        drop(tokio::spawn(async { panic!("nobody looks") }));
        std::future::pending().await
    });
    let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (0..10).for_each(|_| assert!(sim.step().unwrap()));
    }));
    assert_eq!(stepped.is_err(), cfg!(tokio_unstable));
}
