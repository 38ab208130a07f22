//! What a server loses, doubles or shuffles is seen.

use mqtt_engine::packet::{Property, ReasonCode};

use crate::{
    Bench, bench,
    fake::{Behaviour, Fake},
};

/// 100 messages, and ten before them.
fn faulty(forward: fn(usize) -> Vec<usize>, qos: &str) -> Bench {
    let granted = if qos == "0" { ReasonCode::Success } else { ReasonCode::GrantedQoS1 };
    let server = Fake::start(Behaviour { forward, granted, ..Behaviour::default() });
    bench(&server.port, &["-q", qos, "--messages", "100"])
}

fn counts(bench: &Bench) -> (u64, u64, u64, u64) {
    (bench.count("delivered"), bench.count("lost"), bench.count("duplicated"), bench.count("out_of_order"))
}

#[test]
fn qos_0_may_lose() {
    // The last message of a phase is not among these.
    let bench = faulty(|message| if message % 20 == 3 { vec![] } else { vec![message] }, "0");
    assert_eq!((bench.code, &*bench.err), (0, ""), "{bench:?}");
    // One of the lost ones is in the warm-up.
    assert_eq!(counts(&bench), (95, 6, 0, 0));
}

#[test]
fn qos_0_may_not_double() {
    let bench = faulty(|message| if message == 50 { vec![message; 3] } else { vec![message] }, "0");
    assert_eq!(bench.code, 1);
    assert!(bench.err.contains("2 deliveries of QoS 0 came more than once"), "{}", bench.err);
    assert_eq!(counts(&bench), (100, 0, 2, 0));
    assert_eq!((&bench.report["ok"], bench.report["failures"].as_array().unwrap().len()), (&false.into(), 1));
}

#[test]
fn qos_1_may_double() {
    let bench = faulty(|message| if message == 50 { vec![message; 3] } else { vec![message] }, "1");
    assert_eq!((bench.code, &*bench.err), (0, ""), "{bench:?}");
    assert_eq!(counts(&bench), (100, 0, 2, 0));
}

#[test]
fn nobody_may_shuffle() {
    fn swapped(message: usize) -> Vec<usize> {
        match message {
            50 => vec![],
            51 => vec![51, 50],
            _ => vec![message],
        }
    }
    for qos in ["0", "1"] {
        let bench = faulty(swapped, qos);
        assert_eq!(bench.code, 1);
        assert!(bench.err.contains("1 deliveries were out of order"), "{}", bench.err);
        assert_eq!(counts(&bench), (100, 0, 0, 1));
    }
}

#[test]
fn what_qos_1_loses_is_a_failure() {
    // In the middle, which the next message tells, and at the end, which only the time does.
    for (lost, stalls) in [(50, 0), (109, 1)] {
        let forward = if lost == 50 {
            |message| if message == 50 { vec![] } else { vec![message] }
        } else {
            |message| if message == 109 { vec![] } else { vec![message] }
        };
        let bench = faulty(forward, "1");
        assert_eq!(bench.code, 1);
        assert!(bench.err.contains("1 deliveries of QoS 1 were lost"), "{}", bench.err);
        assert_eq!((counts(&bench), bench.count("stalls")), ((99, 1, 0, 0), stalls));
    }
}

#[test]
fn a_stall_is_told_and_no_part_of_the_time() {
    // The last message. That connections are kept alive meanwhile is no delivery.
    let server = Fake::start(Behaviour {
        forward: |message| if message == 109 { vec![] } else { vec![message] },
        granted: ReasonCode::Success,
        properties: vec![Property::ServerKeepAlive(1)],
        ..Behaviour::default()
    });
    let bench = bench(&server.port, &["--messages", "100"]);
    assert_eq!((bench.code, &*bench.err), (0, ""), "{bench:?}");
    assert_eq!((counts(&bench), bench.count("stalls")), ((99, 1, 0, 0), 1));
    assert!(bench.report["seconds"].as_f64().unwrap() < 5.0 && server.pings() > 0, "{bench:?}");
}

#[test]
fn a_server_that_delivers_nothing_is_given_up() {
    let bench = faulty(|_| vec![], "1");
    assert_eq!(bench.code, 1);
    // It ends with the warm-up.
    for words in ["nothing moved for five seconds", "10 deliveries of QoS 1 were lost"] {
        assert!(bench.err.contains(words), "{}", bench.err);
    }
    assert_eq!((bench.count("published"), counts(&bench)), (0, (0, 10, 0, 0)));
    let bench = faulty(|_| vec![], "0");
    assert_eq!((&*bench.err, counts(&bench)), ("error: no message arrived\n", (0, 110, 0, 0)));
}

#[test]
fn a_message_of_somebody_else_ends_the_run() {
    // The first message of the run before on the same server.
    let server = Fake::start(Behaviour {
        forward: |message| if message == 10 { vec![0] } else { vec![message] },
        ..Behaviour::default()
    });
    bench(&server.port, &["--messages", "5"]).expect_all(5, 5);
    let second = bench(&server.port, &["--messages", "100"]);
    second.expect_failure(&[
        "subscriber 0: the server sent a message that this run has not published",
        "--topic",
    ]);
}
