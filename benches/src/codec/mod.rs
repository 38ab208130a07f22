//! Reading and writing packets: this engine, its peers, a codec written by hand for these packets, and a mere copy.

pub(crate) mod by_hand;
pub(crate) mod contender;
mod memcpy;
mod mqtt5_protocol;
mod mqtt_protocol_core;
mod mqttbytes;
mod mqttrs;
mod ntex_mqtt;
mod ours;
mod read_buffer;
mod rumqttc;
mod sample;

use std::{error::Error, num::NonZeroUsize};

use self::contender::{Contender, decoding, encoding, in_pieces};
use crate::{
    measure::{self, Case, Measured},
    report::{self, Bar, Bars, Chart, Role, Section},
};

/// Hands each contender to a function that has it as its parameter.
macro_rules! with_contenders {
    ($function:ident($($argument:expr)?)) => {
        $function::<ours::Ours>($($argument)?);
        $function::<ours::OursKept>($($argument)?);
        $function::<mqttrs::Mqttrs>($($argument)?);
        $function::<mqttbytes::Mqttbytes4>($($argument)?);
        $function::<mqttbytes::Mqttbytes5>($($argument)?);
        $function::<rumqttc::Rumqttc4>($($argument)?);
        $function::<rumqttc::Rumqttc5>($($argument)?);
        $function::<mqtt_protocol_core::MqttProtocolCore>($($argument)?);
        $function::<ntex_mqtt::NtexMqtt3>($($argument)?);
        $function::<ntex_mqtt::NtexMqtt5>($($argument)?);
        $function::<mqtt5_protocol::Mqtt5Protocol>($($argument)?);
        $function::<by_hand::ByHand>($($argument)?);
        $function::<memcpy::Memcpy>($($argument)?);
    };
}

/// Every contender with every work it can do.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    with_contenders!(add(&mut cases));
    cases
}

fn add<C: Contender>(cases: &mut Vec<Case>) {
    let samples = sample::samples();
    cases.extend(samples.iter().filter_map(decoding::<C>));
    cases.extend(in_pieces::<C>(&sample::plain_publish()));
    cases.extend(samples.iter().filter_map(encoding::<C>));
}

/// Measures them all.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let cases = cases();
    let measured = measure::run(&cases, rounds)?;
    let mut text = report::side_by_side(&cases, &measured);
    text += NOTES;
    let peers = ["mqttrs", "mqttbytes", "rumqttc", "mqtt-protocol-core", "ntex-mqtt", "mqtt5-protocol"];
    text += &report::facts(&[&["bytes"], &peers[..]].concat());
    let chart = Chart {
        file: "codec.svg",
        works: CHARTED.iter().map(|work| bars(work, &cases, &measured)).collect(),
    };
    Ok(Section { group: "codec", text, charts: vec![chart] })
}

/// What the numbers don't tell.
const NOTES: &str = "\
The specifications demand that the strings of a packet are UTF-8 without U+0000, and that a topic name has no wildcards. \
`mqttrs`, `mqttbytes`, `mqtt-protocol-core`, `ntex-mqtt` and, in 3.1.1, `rumqttc` check for UTF-8 alone when they read; `rumqttc` in \
5.0 checks nothing in a topic; `mqtt5-protocol` lets wildcards pass. When they write, `mqtt5-protocol` looks for U+0000, and the other \
peers check no string. `mqttbytes`, `rumqttc`, `ntex-mqtt` and `mqtt-engine, kept` take packets out of a read buffer, which has to be filled again: that \
copy is in their times. `mqttrs` finds packets in a stream by copying them; `ntex-mqtt` hands over parts of payloads, and \
`mqtt5-protocol` leaves finding packets to its users. `mqtt-engine, kept` takes the PUBLISH out of the stream and keeps topic and \
payload. `ntex-mqtt` writes a long payload as a part of its own, and `mqtt5-protocol` a PUBACK with a reason code, which 3.1.1 has not: \
those cells are empty. Of a long copy, callgrind counts each byte as an instruction.\n\n";

/// The works of the chart.
const CHARTED: [&str; 3] = [
    "decode PUBLISH QoS 0, 64 B, 3.1.1",
    "decode PUBLISH QoS 0, 64 B, 5.0, five properties",
    "encode PUBLISH QoS 0, 64 B, 5.0",
];

fn bars(work: &str, cases: &[Case], measured: &[Measured]) -> Bars {
    let of_work = cases.iter().zip(measured).filter(|(case, _)| case.work == work);
    let bars = of_work.map(|(case, measured)| {
        let role = match case.contender {
            ours::Ours::NAME | ours::OursKept::NAME => Role::Ours,
            by_hand::ByHand::NAME | memcpy::Memcpy::NAME => Role::Limit,
            _ => Role::Peer,
        };
        Bar { contender: case.contender, role, value: measured.time.median }
    });
    Bars { title: format!("{work}, nanoseconds"), bars: bars.collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{contender::check, *};

    #[test]
    fn no_contender_loses_a_work() {
        let mut works = BTreeMap::new();
        for case in cases() {
            *works.entry(case.contender).or_insert(0) += 1;
        }
        let expected = [
            (ours::Ours::NAME, 15),
            // Reads what has no properties.
            (ours::OursKept::NAME, 4),
            // Speaks 3.1.1 alone.
            (mqttrs::Mqttrs::NAME, 11),
            (mqttbytes::Mqttbytes4::NAME, 15),
            (rumqttc::Rumqttc4::NAME, 15),
            (mqtt_protocol_core::MqttProtocolCore::NAME, 15),
            (ntex_mqtt::NtexMqtt3::NAME, 13),
            (mqtt5_protocol::Mqtt5Protocol::NAME, 13),
            (by_hand::ByHand::NAME, 15),
            // Finds no packets in a stream.
            (memcpy::Memcpy::NAME, 14),
        ];
        assert_eq!(works, BTreeMap::from(expected));
    }

    #[test]
    fn each_contender_reads_and_writes_what_it_is_measured_with() {
        with_contenders!(check());
    }
}
