//! tshark, an independent decoder, and `mqtt decode` must read the same in the same packets.

use std::process::Command;

use serde_json::Value;

use crate::{
    capture::{Dissected, FIELDS, Sent, dissect},
    process::Process,
    programs::{MQTT, have},
};

/// Frames of a real exchange on a 3.1.1 platform, client (`>`) and server (`<`).
const PLATFORM: &str = "
> 10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A
< 20 02 00 00
> 82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00
< 90 03 00 0A 00
> 82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01
< 90 03 00 0B 01
> 82 0E 00 0A 00 09 6B 66 62 5F 74 6F 70 69 63 00
> A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63
< B0 02 00 0C
> 30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33
> 32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33
> 3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33
< 40 02 00 01
> 34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33
< 50 02 00 01
> 62 02 00 01
< 70 02 00 01
> C0 00
< D0 00
> E0 00
";

/// The other client of the exchange, whose CONNACK has session present.
const OTHER: &str = "
> 10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 37 36 37 39 35 38 00 06 34 38 39 34 30 32 00 07 64 70 6A 66 73 73 6A
< 20 02 01 00
";

/// Packets of 5.0 and 3.1.1 that another implementation takes for right.
const VECTORS: &str = include_str!("../../../../tests/vectors/mqtt_packet.tsv");

#[test]
fn tshark_agrees_on_the_frames_of_the_platform() {
    if have("tshark") {
        assert_eq!(compare(&[written(PLATFORM), written(OTHER)]), 22);
    }
}

#[test]
fn tshark_agrees_on_the_packets_of_other_implementations() {
    if !have("tshark") {
        return;
    }
    let vectors: Vec<(&str, Vec<u8>)> = VECTORS.lines().filter_map(vector).collect();
    let (connects, others): (Vec<_>, Vec<_>) = vectors.into_iter().partition(|(_, bytes)| bytes[0] == 0x10);
    let mut connections: Vec<Vec<Sent>> =
        connects.iter().map(|(_, bytes)| vec![Sent { by_client: None, bytes: bytes.clone() }]).collect();
    for version in ["4", "5"] {
        let connect =
            connects.iter().find(|(of, bytes)| *of == version && bytes[4..].starts_with(b"MQTT")).unwrap();
        let same = others.iter().filter(|(of, _)| *of == version);
        connections.push(
            [connect]
                .into_iter()
                .chain(same)
                .map(|(_, bytes)| Sent { by_client: None, bytes: bytes.clone() })
                .collect(),
        );
    }
    let agreed = compare(&connections);
    println!("{agreed} packets read the same");
    assert!(agreed >= 50, "only {agreed} packets could be compared");
}

/// Connections as `mqtt demo` wrote them down.
#[test]
fn tshark_agrees_on_what_the_demo_sends() {
    if !have("tshark") {
        return;
    }
    for version in ["311", "5"] {
        let dump = crate::programs::file("demo", b"");
        let demo =
            Process::start(Command::new(MQTT).args(["demo", "-V", version, "--dump"]).arg(&dump)).finish();
        demo.expect_success();
        let text = std::fs::read_to_string(&dump).unwrap();
        std::fs::remove_file(dump).unwrap();
        let agreed = compare(&dumped(&text));
        println!("demo of {version}: {agreed} packets read the same");
        assert!(agreed >= 60, "only {agreed} packets could be compared");
    }
}

/// The wrong PUBREL of the tutorials: tshark shows what it is, ours also says what is wrong with it.
#[test]
fn s54_a_pubrel_with_wrong_flags_is_explained() {
    let packets = decode(&[Sent { by_client: Some(true), bytes: vec![0x60, 2, 0, 1] }], &["-V", "311"]);
    let bad = &packets[0]["bad"];
    assert_eq!(
        (&bad["offset"], &bad["statements"]["3.1.1"]),
        (&Value::from(0), &Value::from("MQTT-2.2.2-2")),
        "{bad}"
    );
}

/// Compares each packet, and gives how many were compared. Those that ours refuses are left out.
fn compare(connections: &[Vec<Sent>]) -> usize {
    let mut theirs = dissect(connections).into_iter();
    let mut agreed = 0;
    for connection in connections {
        for (ours, theirs) in decode(connection, &[]).iter().zip(&mut theirs) {
            if !ours["bad"].is_null() {
                continue;
            }
            let expected = as_tshark(ours);
            for field in FIELDS {
                let differs = match (expected.get(field), theirs.get(field)) {
                    (None, None) => false,
                    (Some(ours), Some(theirs)) => !same(ours, theirs),
                    _ => true,
                };
                assert!(
                    !differs,
                    "{field}: we say {:?}, tshark {:?} of {ours}",
                    expected.get(field),
                    theirs.get(field)
                );
            }
            agreed += 1;
        }
    }
    agreed
}

/// Lists of the same values; a value that tshark shows in a form of its own stands as [`ANY`].
fn same(ours: &[String], theirs: &[String]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| ours == ANY || ours == theirs)
}

const ANY: &str = "*";

/// What `mqtt decode` says of each packet.
fn decode(packets: &[Sent], arguments: &[&str]) -> Vec<Value> {
    let direction = |packet: &Sent| match packet.by_client {
        Some(true) => "c>s ",
        Some(false) => "s>c ",
        None => "",
    };
    let lines: Vec<String> =
        packets.iter().map(|packet| format!("{}{}\n", direction(packet), hex(&packet.bytes))).collect();
    let mut decode = Command::new(MQTT);
    let decode = decode.args(["decode", "--json"]).args(arguments).arg("-");
    let ended = Process::start_with_input(decode, lines.concat().as_bytes()).finish();
    let explained: Vec<Value> = ended.out.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(explained.len(), packets.len(), "one object for each packet: {:?}", ended.err);
    let bad = explained.iter().any(|packet| !packet["bad"].is_null());
    assert_eq!(ended.status.code(), Some(i32::from(bad)), "the exit code tells of bad packets");
    explained
}

/// The same facts in tshark's names and notation.
fn as_tshark(packet: &Value) -> Dissected {
    let bytes = bytes(packet["hex"].as_str().unwrap());
    let mut out = Out::default();
    out.push("mqtt.hdrflags", format!("0x{:02x}", bytes[0]));
    for field in packet["fields"].as_array().unwrap() {
        let at = |name: &str| usize::try_from(field[name].as_u64().unwrap()).unwrap();
        let field = Field {
            packet: packet["type"].as_str().unwrap(),
            five: packet["version"] == "5.0",
            name: field["name"].as_str().unwrap(),
            value: plain(&field["value"]),
            bytes: &bytes[at("from")..at("to")],
        };
        out.field(&field);
    }
    // tshark leaves out texts of no bytes.
    out.fields.into_iter().filter(|(_, values)| *values != [""]).collect()
}

struct Field<'a> {
    packet: &'a str,
    five: bool,
    name: &'a str,
    value: String,
    bytes: &'a [u8],
}

#[derive(Default)]
struct Out {
    fields: Dissected,
}

impl Out {
    fn push(&mut self, name: &'static str, value: impl Into<String>) {
        self.fields.entry(name).or_default().push(value.into());
    }

    fn field(&mut self, field: &Field<'_>) {
        let value = field.value.clone();
        match (field.name, field.packet) {
            ("packet type", _) => self.push("mqtt.msgtype", (field.bytes[0] >> 4).to_string()),
            ("remaining length", _) => self.push("mqtt.len", value),
            ("duplicate", _) => self.push("mqtt.dupflag", value),
            ("QoS", "PUBLISH") => self.push("mqtt.qos", value),
            ("QoS", _) if field.five => {
                self.push("mqtt.subscription_options", format!("0x{:02x}", field.bytes[0]))
            }
            ("QoS", _) => self.push("mqtt.sub.qos", value),
            ("retain", _) => self.push("mqtt.retain", value),
            ("protocol version", _) => self.push("mqtt.ver", if field.five { "5" } else { "4" }),
            // One byte in many fields.
            ("user name flag", _) => self.push("mqtt.conflags", format!("0x{:02x}", field.bytes[0])),
            ("keep alive", _) => self.push("mqtt.kalive", value),
            ("client identifier", _) => self.push("mqtt.clientid", value),
            ("will topic", _) => self.push("mqtt.willtopic", value),
            ("will payload", _) => self.push("mqtt.willmsg", hex(&field.bytes[2..])),
            ("user name", _) => self.push("mqtt.username", value),
            ("password", _) => {
                self.push("mqtt.passwd", String::from_utf8(field.bytes[2..].to_vec()).unwrap())
            }
            ("session present", _) => self.push("mqtt.conack.flags.sp", value),
            ("return code", _) => self.push("mqtt.conack.val", value),
            ("packet identifier", _) => self.push("mqtt.msgid", value),
            ("topic name" | "topic filter", _) => self.push("mqtt.topic", value),
            ("payload", _) => self.push("mqtt.msg", hex(field.bytes)),
            ("reason code", "SUBACK") if !field.five => self.push("mqtt.suback.qos", value),
            ("reason code", packet) => self.push(reason_code(packet), value),
            _ => self.property(field),
        }
    }

    /// Properties; other names are parts of what was told already.
    fn property(&mut self, field: &Field<'_>) {
        let kind = match field.name {
            "message expiry interval"
            | "subscription identifier"
            | "session expiry interval"
            | "server keep alive" => Some("mqtt.prop_number"),
            "request problem information" | "will delay interval" | "request response information" => {
                Some("mqtt.prop_number")
            }
            "receive maximum" | "topic alias maximum" | "retain available" | "maximum packet size" => {
                Some("mqtt.prop_number")
            }
            "payload format indicator" | "wildcard subscription available" => Some("mqtt.prop_number"),
            "subscription identifier available" | "shared subscription available" => Some("mqtt.prop_number"),
            "content type" => Some("mqtt.property.content_type"),
            "maximum QoS" => Some("mqtt.property.max_qos"),
            "topic alias" => Some("mqtt.property.topic_alias"),
            "response topic"
            | "assigned client identifier"
            | "authentication method"
            | "response information" => Some("mqtt.prop_string"),
            "server reference" | "reason string" => Some("mqtt.prop_string"),
            "correlation data" | "authentication data" => Some("mqtt.prop_string"),
            "user property" => None,
            _ => return,
        };
        self.push("mqtt.property_id", format!("0x{:02x}", field.bytes[0]));
        match (kind, field.name) {
            (None, _) => {
                let (name, value) = field.value.split_once("\":\"").unwrap();
                self.push("mqtt.prop_key", name);
                self.push("mqtt.prop_value", value);
            }
            (Some(kind), "correlation data" | "authentication data") => self.push(kind, ANY),
            (Some(kind), _) => self.push(kind, field.value.clone()),
        }
    }
}

fn reason_code(packet: &str) -> &'static str {
    match packet {
        "CONNACK" => "mqtt.connack.reason_code",
        "PUBACK" => "mqtt.puback.reason_code",
        "PUBREC" => "mqtt.pubrec.reason_code",
        "PUBREL" => "mqtt.pubrel.reason_code",
        "PUBCOMP" => "mqtt.pubcomp.reason_code",
        "SUBACK" => "mqtt.suback.reason_code",
        "UNSUBACK" => "mqtt.unsuback.reason_code",
        "DISCONNECT" => "mqtt.disconnect.reason_code",
        "AUTH" => "mqtt.auth.reason_code",
        other => panic!("{other} has a reason code"),
    }
}

/// A value without the notation of JSON; flags as numbers.
fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.as_str() {
        "true" | "text" => "1".to_owned(),
        "false" | "bytes" => "0".to_owned(),
        text => text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned(),
    }
}

/// The frames of a text, one a line.
fn written(text: &str) -> Vec<Sent> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| Sent { by_client: Some(line.starts_with('>')), bytes: bytes(&line[1..]) }).collect()
}

/// The connections of a demo's dump: each begins with its CONNECT.
fn dumped(text: &str) -> Vec<Vec<Sent>> {
    let mut connections: Vec<Vec<Sent>> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (direction, digits) = line.split_once(' ').unwrap();
        let sent = Sent { by_client: Some(direction == "c>s"), bytes: bytes(digits) };
        if sent.bytes[0] == 0x10 {
            connections.push(Vec::new());
        }
        connections.last_mut().expect("a connection begins with CONNECT").push(sent);
    }
    connections
}

/// The protocol level and the bytes of a vector that is a packet; nothing for others and for enormous ones.
fn vector(line: &str) -> Option<(&str, Vec<u8>)> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [kind, version, _, hex, _] = columns[..] else { return None };
    let packet =
        matches!(kind, "same" | "read" | "write") && matches!(version, "4" | "5") && !hex.contains('*');
    packet.then(|| (version, bytes(hex)))
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
