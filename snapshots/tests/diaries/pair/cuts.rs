//! The connection is cut after every packet and in the middle of every packet: of a publisher, of a subscriber, with each QoS, in
//! both versions. The packets of the flow that nobody cuts are the places to cut, so the flows and their files are generated.

use mqtt_engine::{QoS, packet::ProtocolVersion};
use mqtt_engine_diary::{Diary, script::Pair};

use crate::{
    check,
    vocabulary::{QOS, V3, V5, broker, client, message, subscribe_to},
};

/// After the first and before the last packets of one client's connection.
#[derive(Clone, Copy)]
enum Cut {
    After(usize),
    Inside(usize),
}

/// A flow between a publisher and a subscriber, one of whom is cut.
#[derive(Clone, Copy)]
struct Flow {
    what: &'static str,
    /// Whom the cut concerns.
    who: &'static str,
    play: fn(Self, QoS, ProtocolVersion, Option<Cut>) -> Pair,
}

const PUBLISH: Flow = Flow { what: "publish", who: "pub", play: publish };
const DELIVER: Flow = Flow { what: "deliver", who: "sub", play: deliver };

#[test]
fn a_publisher_is_cut_anywhere() {
    PUBLISH.check();
}

#[test]
fn a_subscriber_is_cut_anywhere() {
    DELIVER.check();
}

/// The files of these flows.
pub(crate) fn files() -> Vec<String> {
    let names = [PUBLISH, DELIVER].into_iter().flat_map(|flow| flow.variants());
    names.map(|(name, ..)| format!("pair/{name}.snap")).collect()
}

impl Flow {
    fn check(self) {
        for (name, qos, version, cut) in self.variants() {
            let mut pair = (self.play)(self, qos, version, cut);
            let diary = pair.diary().clone();
            check("pair", &name, &diary);
            expect_one_fate(&pair, qos);
            expect_deliveries(&diary, qos, &name);
            expect_rest(&mut pair, &name);
        }
    }

    /// Every way to cut the flow, by the name of its file.
    fn variants(self) -> Vec<(String, QoS, ProtocolVersion, Option<Cut>)> {
        let mut variants = Vec::new();
        for (version, suffix) in [(V3, "v3"), (V5, "v5")] {
            for qos in QOS {
                let name = format!("{}_qos{}_{suffix}", self.what, qos as u8);
                let uncut = (self.play)(self, qos, version, None);
                for (count, packet) in self.packets(uncut.diary()).iter().enumerate() {
                    variants.push((
                        format!("{name}_cut_inside_{packet}"),
                        qos,
                        version,
                        Some(Cut::Inside(count)),
                    ));
                    variants.push((
                        format!("{name}_cut_after_{packet}"),
                        qos,
                        version,
                        Some(Cut::After(count + 1)),
                    ));
                }
                variants.push((name, qos, version, None));
            }
        }
        variants
    }

    /// What passes on the connection that is to be cut.
    fn packets(self, diary: &Diary) -> Vec<String> {
        let own = diary.packets().filter(|(ends, _)| ends.contains(&self.who));
        own.filter_map(|(_, seen)| seen.words.split(' ').next().map(str::to_lowercase)).collect()
    }

    fn arm(self, pair: &mut Pair, cut: Option<Cut>) {
        match cut {
            Some(Cut::After(count)) => pair.cut_after(self.who, count),
            Some(Cut::Inside(count)) => pair.cut_inside(self.who, count),
            None => {}
        }
    }
}

fn publish(flow: Flow, qos: QoS, version: ProtocolVersion, cut: Option<Cut>) -> Pair {
    let mut pair = Pair::new(broker());
    pair.client("sub", client("sub", version));
    pair.subscribe("sub", subscribe_to("led", qos));
    pair.run();
    flow.arm(&mut pair, cut);
    pair.client("pub", client("pub", version));
    pair.publish("pub", message("led", "on", qos));
    pair.run();
    pair
}

fn deliver(flow: Flow, qos: QoS, version: ProtocolVersion, cut: Option<Cut>) -> Pair {
    let mut pair = Pair::new(broker());
    pair.client("pub", client("pub", version));
    pair.run();
    flow.arm(&mut pair, cut);
    pair.client("sub", client("sub", version));
    pair.subscribe("sub", subscribe_to("led", qos));
    pair.run();
    pair.publish("pub", message("led", "on", qos));
    pair.run();
    pair
}

/// The publisher learns what became of its message, once; QoS 0 has nothing to learn.
fn expect_one_fate(pair: &Pair, qos: QoS) {
    let fates: Vec<_> = pair.diary().events("pub").filter(|event| event.starts_with("Published")).collect();
    let expected: &[&str] = if qos == QoS::AtMostOnce { &[] } else { &["Published #0 acknowledged"] };
    assert_eq!(fates, expected, "{}", pair.diary());
    assert_eq!(pair.pending_publishes("pub"), 0);
}

/// The promise of the QoS; and no duplicate arrives but where it may.
fn expect_deliveries(diary: &Diary, qos: QoS, name: &str) {
    let count = diary.events("sub").filter(|event| event.starts_with("Received")).count();
    let is_kept = match qos {
        QoS::AtMostOnce => count <= 1,
        QoS::AtLeastOnce => count >= 1,
        QoS::ExactlyOnce => count == 1,
    };
    assert!(is_kept, "{name}: {count} deliveries\n\n{diary}");
}

/// Nothing of the exchange is left: new connections are silent after CONNACK.
fn expect_rest(pair: &mut Pair, name: &str) {
    assert!(!pair.is_uncut(), "{name} was not cut");
    let before = pair.diary().packets().count();
    for who in ["pub", "sub"] {
        pair.goes_away(who);
        pair.comes_back(who);
    }
    pair.run();
    let after: Vec<_> = pair.diary().packets().skip(before).map(|(_, seen)| seen.words.as_str()).collect();
    assert!(
        after.iter().all(|words| words.starts_with("CONN")) && after.len() == 4,
        "{name} leaves something over: {after:#?}"
    );
}
