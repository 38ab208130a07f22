//! [`Connection`] by itself, driven by an owner that does its own routing.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use bytes::{Buf, Bytes};
use mqtt_engine::{
    Acceptance, ConnectRequest, Connection, ConnectionConfig, ConnectionEvent, DisconnectCause, DropReason,
    Message, QoS, RequestToken, Session, Timestamp, Transport, Violation,
    packet::{Ack, Packet, PacketId, PacketType, ProtocolVersion, ReasonCode},
};

const NOW: Timestamp = Timestamp::from_secs(1);

/// CONNECT of 5.0 with the client identifier `a`, keep alive 10 and session expiry 100.
const CONNECT_V5: &[u8] = b"\x10\x13\x00\x04MQTT\x05\x00\x00\x0A\x05\x11\x00\x00\x00\x64\x00\x01a";

fn connection(requests: usize) -> Connection {
    let mut config = ConnectionConfig::new();
    config.requests = requests;
    Connection::new(config, NOW)
}

fn receive(connection: &mut Connection, bytes: &[u8]) -> usize {
    let mut input = Bytes::copy_from_slice(bytes);
    connection.receive(&mut input, NOW);
    input.remaining()
}

fn output(connection: &mut Connection) -> Vec<u8> {
    let outbox = connection.outbox();
    outbox.copy_to_bytes(outbox.remaining()).to_vec()
}

fn connect_request(connection: &mut Connection) -> ConnectRequest {
    match connection.poll_event() {
        Some(ConnectionEvent::Connect(request)) => *request,
        other => panic!("{other:?}"),
    }
}

fn accepted(requests: usize, session: Option<Session>) -> Connection {
    let mut connection = connection(requests);
    assert_eq!(receive(&mut connection, CONNECT_V5), 0);
    connect_request(&mut connection);
    let mut acceptance = Acceptance::default();
    acceptance.session = session;
    connection.accept(acceptance, NOW);
    connection
}

fn publish_token(connection: &mut Connection) -> RequestToken {
    match connection.poll_event() {
        Some(ConnectionEvent::Publish { token, .. }) => token,
        other => panic!("{other:?}"),
    }
}

fn ack(kind: fn(Ack<'static>) -> Packet<'static>, id: u16, reason: ReasonCode) -> Vec<u8> {
    let mut bytes = vec![];
    kind(Ack::new(PacketId::new(id).unwrap(), reason)).encode(ProtocolVersion::V5, &mut bytes).unwrap();
    bytes
}

/// [MQTT-2.2.2-1] [MQTT-3.2.0-2] [MQTT-3.2.2-7] (5.0)
#[test]
fn the_owner_hears_what_connect_asks_for() {
    let mut connection = connection(1);
    receive(&mut connection, CONNECT_V5);
    let request = connect_request(&mut connection);
    assert_eq!((request.version, &request.client_id), (ProtocolVersion::V5, &"a".try_into().unwrap()));
    assert_eq!((request.keep_alive, request.session_expiry, request.clean_start), (10, 100, false));
    assert!(!connection.wants_input());
    connection.refuse(ReasonCode::NotAuthorized, NOW);
    assert_eq!(output(&mut connection), b"\x20\x03\x00\x87\x00");
    assert_eq!(connection.transport(), Transport::FlushThenClose);
    let cause = DisconnectCause::Refused(ReasonCode::NotAuthorized);
    assert_eq!(connection.poll_event(), Some(ConnectionEvent::Disconnected { cause }));
    // Nothing that comes later changes that.
    connection.accept(Acceptance::default(), NOW);
    connection.close(ReasonCode::ServerBusy, NOW);
    assert_eq!((connection.poll_event(), output(&mut connection)), (None, vec![]));
    assert!(connection.into_session().is_none());
}

/// [MQTT-4.6.0-2] (5.0): an owner may finish publishes in any order, PUBACKs go out in order of receipt.
#[test]
fn s34_publishes_may_be_finished_in_any_order() {
    let mut connection = accepted(3, None);
    output(&mut connection);
    let publish = |id: u8| [0x32, 6, 0, 1, b't', 0, id, 0];
    let bytes: Vec<u8> = (1..=5).flat_map(publish).collect();
    assert_eq!(receive(&mut connection, &bytes), 16, "three wait, two are left");
    let tokens: Vec<_> = (0..3).map(|_| publish_token(&mut connection)).collect();
    assert!(!connection.wants_input());
    connection.finish_publish(tokens[2], ReasonCode::Success, NOW);
    assert!(connection.wants_input());
    connection.finish_publish(tokens[1], ReasonCode::QuotaExceeded, NOW);
    assert_eq!(output(&mut connection), b"");
    connection.finish_publish(tokens[0], ReasonCode::Success, NOW);
    let expected = [
        ack(Packet::PubAck, 1, ReasonCode::Success),
        ack(Packet::PubAck, 2, ReasonCode::QuotaExceeded),
        ack(Packet::PubAck, 3, ReasonCode::Success),
    ];
    assert_eq!(output(&mut connection), expected.concat());
    // A second word is ignored.
    connection.finish_publish(tokens[0], ReasonCode::Success, NOW);
    connection.finish_subscribe(tokens[0], &[], NOW);
    assert_eq!(output(&mut connection), b"");
}

/// How the client's bytes are cut makes no difference: what an acknowledgement lets go is sent before the next packet is looked at.
#[test]
fn what_an_acknowledgement_lets_go_is_sent_before_the_end() {
    // Receive Maximum 1, client identifier `a`.
    let connect = b"\x10\x11\x00\x04MQTT\x05\x00\x00\x0A\x03\x21\x00\x01\x00\x01a";
    let acknowledgement_and_garbage = b"\x40\x02\x00\x01\x00";
    for length in [1, 4, 5] {
        let mut connection = connection(1);
        receive(&mut connection, connect);
        connect_request(&mut connection);
        connection.accept(Acceptance::default(), NOW);
        for topic in ["one", "two"] {
            let message = Message::new(topic, "").unwrap().with_qos(QoS::AtLeastOnce);
            assert_eq!(connection.deliver(message, NOW), []);
        }
        let sent = output(&mut connection);
        assert!(sent.ends_with(b"\x32\x08\x00\x03one\x00\x01\x00"), "{sent:x?}");
        for piece in acknowledgement_and_garbage.chunks(length) {
            receive(&mut connection, piece);
        }
        let sent = output(&mut connection);
        assert_eq!(sent, b"\x32\x08\x00\x03two\x00\x02\x00\xE0\x01\x81", "pieces of {length}");
    }
}

/// [MQTT-3.8.4-6] [MQTT-3.9.3-2] [MQTT-3.11.3-2] (5.0)
#[test]
fn a_code_for_each_filter_whatever_the_owner_says() {
    let mut connection = accepted(1, None);
    output(&mut connection);
    receive(&mut connection, b"\x82\x0B\x00\x01\x00\x00\x01a\x01\x00\x01b\x02");
    let Some(ConnectionEvent::Subscribe { token, filters, .. }) = connection.poll_event() else {
        panic!("SUBSCRIBE")
    };
    assert_eq!(filters.iter().map(|one| one.qos).collect::<Vec<_>>(), [QoS::AtLeastOnce, QoS::ExactlyOnce]);
    // One is missing: an error. One is not for SUBACK: the nearest.
    connection.finish_subscribe(token, &[ReasonCode::Banned], NOW);
    assert_eq!(output(&mut connection), b"\x90\x05\x00\x01\x00\x80\x80");
    receive(&mut connection, b"\xA2\x06\x00\x02\x00\x00\x01a");
    let Some(ConnectionEvent::Unsubscribe { token, .. }) = connection.poll_event() else {
        panic!("UNSUBSCRIBE")
    };
    connection.finish_unsubscribe(token, &[ReasonCode::Success, ReasonCode::Success], NOW);
    assert_eq!(output(&mut connection), b"\xB0\x04\x00\x02\x00\x00");
}

/// A session goes from connection to connection with what is unfinished.
/// [MQTT-3.2.2-3] (5.0)
#[test]
fn s05_a_session_is_handed_on() {
    let mut first = accepted(1, None);
    let message = Message::new("t", "x").unwrap().with_qos(QoS::AtLeastOnce);
    assert!(first.deliver(message.clone(), NOW).is_empty());
    assert!(output(&mut first).ends_with(b"\x32\x07\x00\x01t\x00\x01\x00x"));
    first.transport_closed(NOW);
    assert_eq!(first.session_expiry(), 100);
    let session = first.into_session().unwrap();
    let mut second = accepted(1, Some(session));
    let all = output(&mut second);
    assert_eq!((all[0], all[2]), (0x20, 1), "session present");
    assert!(all.ends_with(b"\x3A\x07\x00\x01t\x00\x01\x00x"));
    receive(&mut second, &ack(Packet::PubAck, 1, ReasonCode::Success));
    assert_eq!(output(&mut second), b"");
}

#[test]
fn what_finds_no_session_comes_back() {
    let mut connection = connection(1);
    let message = Message::new("t", "x").unwrap();
    assert_eq!(connection.deliver(message.clone(), NOW), [(message, DropReason::NoSession)]);
}

/// Reasons that DISCONNECT can't carry become one that it can.
/// [MQTT-3.14.2-1] [MQTT-3.14.4-1] [MQTT-3.14.4-2] (5.0)
#[test]
fn close_sends_a_code_that_disconnect_may_carry() {
    for (reason, code) in [
        (ReasonCode::AdministrativeAction, 0x98),
        (ReasonCode::BadUserNameOrPassword, 0x80),
        (ReasonCode::GrantedQoS1, 0x80),
    ] {
        let mut connection = accepted(1, None);
        output(&mut connection);
        connection.close(reason, NOW);
        assert_eq!(output(&mut connection), [0xE0, 1, code]);
        assert_eq!(receive(&mut connection, b"\xC0\x00"), 0, "bytes are forgotten");
        assert_eq!(connection.deadline(), None);
    }
}

#[test]
fn s43_s47_deadlines() {
    fn due(connection: &Connection) -> Option<(Timestamp, &'static str)> {
        connection.deadline().zip(connection.why_deadline())
    }
    let mut connection = connection(1);
    assert_eq!(due(&connection), Some((Timestamp::from_secs(11), "connect timeout")));
    receive(&mut connection, CONNECT_V5);
    connect_request(&mut connection);
    assert_eq!(due(&connection), Some((Timestamp::from_secs(11), "connect timeout")));
    connection.accept(Acceptance::default(), NOW);
    assert_eq!(due(&connection), Some((Timestamp::from_secs(16), "keep alive")));
    // Not while the owner keeps it waiting.
    receive(&mut connection, b"\x30\x04\x00\x01t\x00");
    let token = publish_token(&mut connection);
    assert_eq!((connection.deadline(), connection.why_deadline()), (None, None));
    connection.finish_publish(token, ReasonCode::Success, Timestamp::from_secs(100));
    assert_eq!(due(&connection), Some((Timestamp::from_secs(115), "keep alive")));
    connection.handle_timeout(Timestamp::from_secs(115));
    let cause = DisconnectCause::KeepAliveTimeout;
    assert_eq!(connection.poll_event(), Some(ConnectionEvent::Disconnected { cause }));
}

/// A message that comes in the moment at which the client has been silent for too long: nothing follows DISCONNECT.
/// [MQTT-3.14.4-1] (5.0)
#[test]
fn nothing_is_sent_behind_the_disconnect_of_a_timeout() {
    let mut config = ConnectionConfig::new();
    config.queue_count = 1;
    let mut connection = Connection::new(config, NOW);
    receive(&mut connection, CONNECT_V5);
    connect_request(&mut connection);
    connection.accept(Acceptance::default(), NOW);
    output(&mut connection);
    let message = |payload| Message::new("t", payload).unwrap().with_qos(QoS::AtLeastOnce);
    assert!(connection.deliver(message("waits"), NOW).is_empty());
    let late = Timestamp::from_secs(16);
    let dropped = connection.deliver(message("finds no room"), late);
    assert_eq!(dropped, [(message("finds no room"), DropReason::QueueFull)]);
    assert_eq!(output(&mut connection), [0xE0, 1, ReasonCode::KeepAliveTimeout.as_u8()]);
}

/// PUBLISH of QoS 2 with the packet identifier 1, in 5.0.
const PUBLISH_QOS_2: &[u8] = b"\x34\x07\x00\x01t\x00\x01\x00x";

/// A publish that nobody had finished when the connection was gone was not received: the repetition is a new event, and not one
/// that waits for an answer for ever.
/// [MQTT-4.3.3-8] (5.0)
#[test]
fn s21_an_unfinished_publish_is_new_on_the_next_connection() {
    let mut first = accepted(1, None);
    receive(&mut first, PUBLISH_QOS_2);
    publish_token(&mut first);
    first.transport_closed(NOW);
    let mut second = accepted(1, first.into_session());
    output(&mut second);
    let again: Vec<u8> = [&[0x3C], &PUBLISH_QOS_2[1..]].concat();
    receive(&mut second, &again);
    let token = publish_token(&mut second);
    second.finish_publish(token, ReasonCode::Success, NOW);
    assert_eq!(output(&mut second), ack(Packet::PubRec, 1, ReasonCode::Success));
}

/// An owner may finish a publish after the connection has ended: nothing more is sent on it, but the session remembers.
/// [MQTT-4.3.3-10] [MQTT-3.14.4-1] (5.0)
#[test]
fn s21_a_publish_may_be_finished_after_the_end() {
    for reason in [ReasonCode::Success, ReasonCode::NotAuthorized] {
        let mut first = accepted(1, None);
        receive(&mut first, PUBLISH_QOS_2);
        let token = publish_token(&mut first);
        first.close(ReasonCode::ServerBusy, NOW);
        first.finish_publish(token, reason, NOW);
        assert!(output(&mut first).ends_with(&[0xE0, 1, 0x89]), "DISCONNECT is the last word");
        first.transport_closed(NOW);
        let mut second = accepted(1, first.into_session());
        output(&mut second);
        let again: Vec<u8> = [&[0x3C], &PUBLISH_QOS_2[1..]].concat();
        receive(&mut second, &again);
        assert_eq!(second.poll_event(), None, "no second event");
        assert_eq!(output(&mut second), ack(Packet::PubRec, 1, reason));
    }
}

/// The version is not known before CONNECT; that the packet is another one is.
/// [MQTT-3.1.0-1] (both versions)
#[test]
fn s54_another_first_packet_is_named_in_either_version() {
    for publish in [&b"\x30\x04\x00\x01tx"[..], b"\x30\x05\x00\x01t\x00x"] {
        let mut connection = connection(1);
        receive(&mut connection, publish);
        let cause = DisconnectCause::Misbehaved(Violation::HandshakeExpected(PacketType::Publish));
        assert_eq!(connection.poll_event(), Some(ConnectionEvent::Disconnected { cause }));
        assert_eq!(output(&mut connection), b"");
    }
}

/// The owner's message that no packet can carry is dropped, whatever room there is.
#[test]
fn a_message_with_too_long_correlation_data_is_not_delivered() {
    let mut connection = accepted(1, None);
    output(&mut connection);
    let mut message = Message::new("t", "x").unwrap();
    message.properties.correlation_data = Some(Bytes::from(vec![7; 70_000]));
    assert_eq!(connection.deliver(message.clone(), NOW), [(message, DropReason::TooLarge)]);
    assert_eq!(output(&mut connection), b"");
}
