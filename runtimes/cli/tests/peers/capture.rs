//! Packets in a capture file, as if they had been recorded from TCP connections, and what tshark reads in it.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
};

use crate::programs::file;

/// A packet and who sent it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Whether by the client; not always known.
    pub(crate) by_client: Option<bool>,
    pub(crate) bytes: Vec<u8>,
}

/// The fields of a packet, as tshark names and writes them. A field may come more than once.
pub(crate) type Dissected = BTreeMap<&'static str, Vec<String>>;

/// What is asked of tshark. Its texts can't contain the separators, since the packets here don't.
pub(crate) const FIELDS: &[&str] = &[
    "mqtt.msgtype",
    "mqtt.hdrflags",
    "mqtt.len",
    "mqtt.dupflag",
    "mqtt.qos",
    "mqtt.retain",
    "mqtt.ver",
    "mqtt.conflags",
    "mqtt.kalive",
    "mqtt.clientid",
    "mqtt.willtopic",
    "mqtt.willmsg",
    "mqtt.username",
    "mqtt.passwd",
    "mqtt.conack.flags.sp",
    "mqtt.conack.val",
    "mqtt.connack.reason_code",
    "mqtt.msgid",
    "mqtt.topic",
    "mqtt.msg",
    "mqtt.sub.qos",
    "mqtt.subscription_options",
    "mqtt.suback.qos",
    "mqtt.puback.reason_code",
    "mqtt.pubrec.reason_code",
    "mqtt.pubrel.reason_code",
    "mqtt.pubcomp.reason_code",
    "mqtt.suback.reason_code",
    "mqtt.unsuback.reason_code",
    "mqtt.disconnect.reason_code",
    "mqtt.auth.reason_code",
    "mqtt.property_id",
    "mqtt.prop_number",
    "mqtt.prop_string",
    "mqtt.prop_key",
    "mqtt.prop_value",
    "mqtt.property.content_type",
    "mqtt.property.max_qos",
    "mqtt.property.topic_alias",
    "_ws.malformed",
];

/// What tshark says of each packet, in their order. Each list is a connection of its own, beginning with its CONNECT.
pub(crate) fn dissect(connections: &[Vec<Sent>]) -> Vec<Dissected> {
    let capture = file("capture.pcap", &capture(connections));
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&capture).args(["-n", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]);
    tshark.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let output = tshark.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_file(capture).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let packets: Vec<Dissected> = text.lines().map(fields).collect();
    assert_eq!(packets.len(), connections.iter().map(Vec::len).sum::<usize>(), "one line for each packet");
    packets
}

fn fields(line: &str) -> Dissected {
    let columns = FIELDS.iter().zip(line.split('\t'));
    // How tshark writes that a field is there and has no bytes.
    let given = columns.filter(|(_, values)| !values.is_empty() && *values != "<MISSING>");
    given.map(|(field, values)| (*field, values.split('|').map(str::to_owned).collect())).collect()
}

/// A capture file of the classic format: raw IPv4, TCP to and from port 1883, one segment for each packet, no checksums.
fn capture(connections: &[Vec<Sent>]) -> Vec<u8> {
    const RAW_IP: u32 = 101;
    let mut out = Vec::new();
    out.extend(0xA1B2_C3D4_u32.to_le_bytes());
    out.extend([2_u16, 4].iter().flat_map(|version| version.to_le_bytes()));
    out.extend([0, 0, 0x0004_0000, RAW_IP].iter().flat_map(|field| field.to_le_bytes()));
    for (connection, packets) in (0..).zip(connections) {
        let client = 50_000_u16 + connection;
        // What each side has sent so far, the client first.
        let mut sent = [1_u32, 1];
        for packet in packets {
            let (ports, side) =
                if packet.by_client == Some(false) { ([1883, client], 1) } else { ([client, 1883], 0) };
            let segment = segment(ports, sent[side], sent[1 - side], &packet.bytes);
            let length = u32::try_from(segment.len()).unwrap();
            out.extend([0, 0, length, length].iter().flat_map(|field| field.to_le_bytes()));
            out.extend(segment);
            sent[side] += u32::try_from(packet.bytes.len()).unwrap();
        }
    }
    out
}

/// An IPv4 packet with a TCP segment between two ports of 127.0.0.1.
fn segment(ports: [u16; 2], sequence: u32, acknowledged: u32, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(40 + payload.len()).expect("packets of a test fit into a segment");
    let mut out = vec![0x45, 0];
    out.extend(length.to_be_bytes());
    out.extend([0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    out.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    out.extend([sequence, acknowledged].iter().flat_map(|number| number.to_be_bytes()));
    // Five words of header; PSH and ACK; a window; no checksum, no urgent data.
    out.extend([0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
    out.extend(payload);
    out
}
