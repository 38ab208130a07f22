//! Schedules that failed once, as the command has shrunk them.
#![allow(clippy::std_instead_of_core, reason = "a tool of hosts with std")]

use mqtt_engine_sim::{
    Ring,
    pair::{
        BrokerSetup, ClientSetup, Pair, Setup, Step,
        Step::*,
        WillSetup,
        schedule::{self, Timers, Way},
    },
    trace::Trace,
};

fn passes(setup: &Setup, steps: &[Step]) {
    let report = Pair::run(setup, steps, Trace::on());
    assert_eq!(report.violation, None, "{}", report.trace.as_str());
}

/// Three clients are silent for too long and are found so in one call; one's PUBACK went out behind its DISCONNECT.
#[test]
fn an_acknowledgement_behind_disconnect() {
    let will = |qos, retain| Some(WillSetup { qos, retain, delay_seconds: 0 });
    let guest = ClientSetup {
        is_strict: false,
        clean_start: true,
        session_expiry: 0,
        keep_alive: 2,
        receive_maximum: 1,
        is_manual: true,
        ..ClientSetup::PLAIN
    };
    let setup = Setup {
        broker: BrokerSetup { outbox_bytes: 100, queue_count: 12, ..BrokerSetup::PLAIN },
        clients: vec![
            ClientSetup { inflight_maximum: 5, keep_alive: 2, will: will(1, true), ..ClientSetup::PLAIN },
            ClientSetup { is_v5: false, queue_count: 5, outbox_bytes: 1, will: will(2, false), ..guest },
            ClientSetup { will: will(1, false), ..guest },
        ],
        ..Setup::plain(3)
    };
    let steps = [
        Connect { client: 0 },
        Connect { client: 1 },
        Connect { client: 2 },
        Subscribe { client: 38, filter: 7, count: 2, qos: 1, options: 0, identifier: 0 },
        Subscribe { client: 30, filter: 17, count: 1, qos: 2, options: 9, identifier: 0 },
        Round,
        Publish { client: 0, topic: 14, qos: 1, retain: true, size: 65_535, expiry: 0 },
        Upload { client: 26, older: false, write: 65_535, arrive: 2500, piece: 90 },
        Pass { millis: 818, timers: Timers::OnTime },
        Publish { client: 38, topic: 10, qos: 0, retain: false, size: 4, expiry: 0 },
        Pass { millis: 1045, timers: Timers::Late },
        Publish { client: 43, topic: 8, qos: 2, retain: false, size: 3, expiry: 0 },
        HalfClose { client: 33, way: Way::Up },
        Garbage { what: schedule::Garbage::BrokenPackets, seed: 3_395_151_059, stays: false },
        Pass { millis: 777, timers: Timers::OnTime },
        Upload { client: 9, older: false, write: 65_535, arrive: 2500, piece: 7 },
        Connect { client: 0 },
        Publish { client: 56, topic: 7, qos: 2, retain: false, size: 4, expiry: 0 },
        Round,
        Round,
        Pass { millis: 5770, timers: Timers::Late },
    ];
    passes(&setup, &steps);
}

/// Drawn again from their seeds, each with what the run shows that it once broke.
#[test]
fn seeds_that_failed_once() {
    for (seed, what) in [
        (1_099_835, "a refusal that comes after its connection ended is told to another start of the client"),
        (1_399_272, "a message that expires in front of the queue frees others, and nobody is told"),
        (
            1_662_810,
            "a will whose question is answered in its client's next session comes back in spite of No Local",
        ),
    ] {
        assert_eq!(Pair::run_seed(seed).violation, None, "seed {seed}: {what}");
    }
}
