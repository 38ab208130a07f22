//! Rules of 5.0 that brokers are known to get wrong, byte for byte on a real socket.

use crate::{
    served::{Folder, Served},
    wire::{Client, V5, hello},
};

const CONNECT: &str = "10 0E 00 04 4D 51 54 54 05 02 00 00 00 00 01 61";
/// To the topic `t`, with QoS 0: `x`.
const PUBLISH: &str = "30 05 00 01 74 00 78";
/// With QoS 1 at most, to `t`.
const SUBSCRIBE: &str = "82 07 00 01 00 00 01 74 01";

fn hex(digits: &str) -> Vec<u8> {
    digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// A broker with these limits, and a client that has sent CONNECT; also the properties of CONNACK.
fn connected(limits: &str, connect: &str) -> (Served, Client, Vec<u8>) {
    let folder = Folder::new();
    let config = format!("[[listener]]\naddress = \"127.0.0.1:0\"\n[limits]\n{limits}\n");
    let served = Served::start(&folder, &config);
    let mut client = Client::dial(served.port());
    client.send(&hex(connect));
    let (first, body) = client.read().unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]));
    (served, client, body[3..].to_vec())
}

impl Client {
    fn says(&mut self, digits: &str) {
        self.send(&hex(digits));
    }

    /// The next packet is exactly this one.
    fn hears(&mut self, digits: &str) {
        let (first, body) = self.read().expect("a packet");
        let mut bytes = vec![first, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        assert_eq!(bytes, hex(digits), "expected {digits}");
    }

    /// All that the broker had to send has been heard.
    fn hears_nothing_more(&mut self) {
        self.says("C0 00");
        self.hears("D0 00");
    }
}

/// [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] (5.0)
#[test]
fn s65_overlapping_subscriptions_deliver_one_publish_with_all_identifiers() {
    let (_served, mut client, _) = connected("", CONNECT);
    client.says("82 09 00 01 02 0B 01 00 01 74 01");
    client.hears("90 04 00 01 00 01");
    client.says("82 09 00 02 02 0B 07 00 01 23 01");
    client.hears("90 04 00 02 00 01");
    client.says(PUBLISH);
    // In any order; ours is that of the walk through the filters.
    client.hears("30 09 00 01 74 04 0B 07 0B 01 78");
    client.hears_nothing_more();
}

/// [MQTT-3.1.2-26] (5.0)
#[test]
fn topic_aliases_are_used_towards_clients_that_take_them() {
    let (_served, mut client, _) = connected("", "10 11 00 04 4D 51 54 54 05 02 00 00 03 22 00 04 00 01 61");
    client.says(SUBSCRIBE);
    client.hears("90 04 00 01 00 01");
    client.says(PUBLISH);
    client.hears("30 08 00 01 74 03 23 00 01 78");
    client.says(PUBLISH);
    client.hears("30 07 00 00 03 23 00 01 78");
}

/// [MQTT-3.3.4-7] (5.0)
#[test]
fn s28_a_breach_of_the_receive_maximum_is_told_as_0x93() {
    let (_served, mut client, properties) = connected("receive_maximum = 2", CONNECT);
    assert!(properties.windows(3).any(|part| part == [0x21, 0, 2]), "{properties:x?}");
    client.says("34 07 00 01 74 00 01 00 78");
    client.says("34 07 00 01 74 00 02 00 78");
    client.says("34 07 00 01 74 00 03 00 78");
    let (first, body) = client.end().unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x93));
}

/// [MQTT-3.2.2-21] (5.0)
#[test]
fn s44_the_keep_alive_of_the_server_comes_from_its_configured_maximum() {
    let (_served, _client, properties) =
        connected("maximum_keep_alive = 5", "10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 61");
    assert!(properties.windows(3).any(|part| part == [0x13, 0, 5]), "{properties:x?}");
}

/// [MQTT-3.1.2-24] [MQTT-3.1.2-25] (5.0): the message is dropped, the connection stays.
#[test]
fn s56_nothing_larger_than_the_clients_maximum_packet_size() {
    let (served, mut client, _) =
        connected("", "10 13 00 04 4D 51 54 54 05 02 00 00 05 27 00 00 00 1E 00 01 61");
    client.says(SUBSCRIBE);
    client.hears("90 04 00 01 00 01");
    let mut publisher = Client::connect(served.port(), &hello(V5, "p"));
    let exact = "78 ".repeat(30 - 6);
    publisher.says(&format!("30 1D 00 01 74 00 {}", "78 ".repeat(25)));
    publisher.says(&format!("30 1C 00 01 74 00 {exact}"));
    client.hears(&format!("30 1C 00 01 74 00 {exact}"));
    client.hears_nothing_more();
}

/// [MQTT-3.11.3-2] (5.0)
#[test]
fn unsubscribing_from_an_unknown_filter_is_told_as_0x11() {
    let (_served, mut client, _) = connected("", CONNECT);
    client.says("A2 06 00 01 00 00 01 74");
    client.hears("B0 04 00 01 00 11");
}

/// [MQTT-3.1.2-2] (both versions)
#[test]
fn s54_an_unknown_version_is_refused_and_the_connection_closed() {
    let (served, ..) = connected("", CONNECT);
    let mut client = Client::dial(served.port());
    client.says("10 0E 00 04 4D 51 54 54 09 02 00 00 00 00 01 61");
    let (first, body) = client.end().unwrap();
    assert_eq!(first, 0x20);
    assert!(body[1] == 0x84 || body == [0, 1], "{body:x?}");
}

/// [MQTT-4.8.2-1] [MQTT-4.8.2-2] (5.0)
#[test]
fn cve_2025_68699_a_share_without_a_filter_is_refused() {
    let (served, mut client, _) = connected("", CONNECT);
    client.says("82 0E 00 01 00 00 08 24 73 68 61 72 65 2F 67 01");
    let (first, body) = client.end().unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x8F));
    let mut other = Client::connect(served.port(), &hello(V5, "other"));
    assert_eq!(other.publish("$share/g"), 0x10, "and the broker goes on");
}
