//! A client and a server in one thread, without a network: messages travel to the server, are delivered there, and all
//! acknowledgements travel back.

mod by_hand;
mod mqtt_protocol_core;
mod ours;
mod rumqttc;

use std::{error::Error, hint::black_box, num::NonZeroUsize};

use mqtt_engine::{QoS, packet::ProtocolVersion};

use crate::{
    measure::{self, Case},
    report::{self, Section},
};

const TOPIC: &str = "sensors/room1/temp";
const PAYLOAD: [u8; 64] = [b'x'; 64];

/// Both sides of a connection.
trait Pair: 'static + Sized {
    /// The column.
    const NAME: &'static str;

    /// A pair that is connected; `None` if it does not speak this version.
    fn connected(version: ProtocolVersion) -> Option<Self>;

    /// The client publishes so many messages at once; bytes travel until nothing is left to be sent.
    fn exchange(&mut self, count: usize, qos: QoS) -> Tally;
}

/// What the two sides told their programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Messages at the server.
    delivered: usize,
    /// Their payloads.
    bytes: usize,
    /// Messages of QoS 1 and 2 that the client knows to have arrived.
    finished: usize,
}

impl Tally {
    fn delivered(&mut self, payload: &[u8]) {
        self.delivered += 1;
        self.bytes += payload.len();
    }
}

/// How many messages a batch has: what an adapter hands over with one read.
const BATCH: u32 = 32;

/// Every pair with every work it can do.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    add::<ours::Ours>(&mut cases);
    add::<rumqttc::Rumqttc4>(&mut cases);
    add::<rumqttc::Rumqttc5>(&mut cases);
    add::<mqtt_protocol_core::MqttProtocolCore>(&mut cases);
    add::<by_hand::ByHand>(&mut cases);
    cases
}

fn add<P: Pair>(cases: &mut Vec<Case>) {
    for batch in [1, BATCH] {
        for (version, qos) in works() {
            if P::connected(version).is_none() {
                continue;
            }
            let spoken = if version == ProtocolVersion::V5 { "5.0" } else { "3.1.1" };
            let mut name = format!("QoS {}, {spoken}", qos as u8);
            if batch > 1 {
                name += &format!(", {batch} at once");
            }
            let case = Case::new("engine", name, P::NAME, move || {
                let mut pair = P::connected(version).expect("it was there before");
                check(&mut pair, batch as usize, qos);
                move |times| {
                    for _ in 0..times {
                        black_box(pair.exchange(black_box(batch as usize), qos));
                    }
                }
            });
            cases.push(case.with_units(batch).counted_over(if batch > 1 { 30 } else { 300 }));
        }
    }
}

/// Whether all of the messages arrive, and the client knows it.
fn check<P: Pair>(pair: &mut P, count: usize, qos: QoS) {
    let finished = if qos == QoS::AtMostOnce { 0 } else { count };
    let expected = Tally { delivered: count, bytes: count * PAYLOAD.len(), finished };
    assert_eq!(pair.exchange(count, qos), expected, "{} {qos:?}", P::NAME);
}

fn works() -> impl Iterator<Item = (ProtocolVersion, QoS)> {
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let versions = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];
    versions.into_iter().flat_map(move |version| levels.map(|qos| (version, qos)))
}

/// Measures them all.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let cases = cases();
    let measured = measure::run(&cases, rounds)?;
    let mut text = report::side_by_side(&cases, &measured);
    text += "Topics are written in full, also in 5.0. `rumqttc` has no server: two of its client states face each other. It reads the clock once per packet. ";
    text += "What was written by hand shows the message to the server's program in the read buffer; all others hand out one that it can keep.\n\n";
    text += &report::facts(&["bytes", "rumqttc", "mqtt-protocol-core"]);
    Ok(Section { group: "engine", text, charts: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all<P: Pair>() {
        for (version, qos) in works() {
            let Some(mut pair) = P::connected(version) else { continue };
            for count in [1, BATCH as usize] {
                // Once so often that packet identifiers start anew.
                let often = qos == QoS::AtLeastOnce && count > 1;
                for _ in 0..if often { 1 + (1 << 16) / count } else { 3 } {
                    check(&mut pair, count, qos);
                }
            }
        }
    }

    #[test]
    fn each_pair_delivers_and_acknowledges_what_it_is_measured_with() {
        check_all::<ours::Ours>();
        check_all::<rumqttc::Rumqttc4>();
        check_all::<rumqttc::Rumqttc5>();
        check_all::<mqtt_protocol_core::MqttProtocolCore>();
        check_all::<by_hand::ByHand>();
    }
}
