//! Frames that a device, an app and their server exchanged on a public MQTT 3.1.1 platform, and topics.

use super::Conversation;

const FROM_CLIENT: [&str; 12] = [
    "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A",
    "82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00",
    "82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01",
    "A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63",
    "30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33",
    "32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    // The right PUBREL, and the one with wrong flags that ends the connection.
    "62 02 00 01",
    "C0 00",
    "60 02 00 01",
    "E0 00",
];

const FROM_SERVER: [&str; 11] = [
    "20 02 00 00",
    "90 03 00 0A 00",
    "90 03 00 0B 01",
    "B0 02 00 0C",
    "40 02 00 01",
    "50 02 00 01",
    "70 02 00 01",
    "34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33",
    "62 02 00 01",
    "D0 00",
    // Session present after a clean session, as the platform really sends it.
    "20 02 01 00",
];

/// Lines that are names, filters, nearly so, or not at all.
pub(crate) const TOPICS: [&str; 6] = [
    "a\na/b\na/b/c\na/+\na/#\n#\n+/+\n/\n//\n/a",
    "$SYS/a\n$SYS/#\n+/a\n#\n$SYS/+\n$share/g/a/#\n$share/g/+\n$share//a\n$share/g/\n$shared/a",
    "a+\na#\n#/a\n++\n##\na/#/b\na/+b\n+a/b",
    "kfb_topic\napp_topic\nled\nled/#\n+_topic",
    "a//b\na/+/b\na//+\n+//+\na/\na/+\n+/",
    "\u{e9}/\u{1f600}\n\u{e9}/+\n\u{feff}a\n \na b\na b/#",
];

/// The exchange, and the same with a packet each.
pub(crate) fn conversations() -> Vec<Conversation> {
    let from_client: Vec<_> = FROM_CLIENT.map(hex).into();
    let from_server: Vec<_> = FROM_SERVER.map(hex).into();
    vec![Conversation { from_client, from_server }]
}

fn hex(words: &str) -> Vec<u8> {
    words.split(' ').map(|word| u8::from_str_radix(word, 16).expect("hexadecimal digits")).collect()
}
