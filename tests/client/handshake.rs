//! CONNECT, CONNACK and AUTH; S10.

use std::time::Duration;

use bytes::Bytes;
use mqtt_engine::{
    Authentication, ClientEvent, Deviation, Disconnect, DisconnectReason, Message, Profile, QoS, Text,
    Transport, Violation, Will,
    packet::{self, Auth, ConnAck, Packet, Properties, Property, ReasonCode},
};

use crate::harness::{BOTH, Desk, V3, V5, brief, config, encode, hex};

/// The device of the wire examples, byte for byte.
/// [MQTT-3.1.0-1] [MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.2-20] [MQTT-3.1.2-21]
/// [MQTT-3.1.3-1] [MQTT-3.1.3-3] (3.1.1)
#[test]
fn the_connect_of_the_wire_examples() {
    let mut config = config(V3);
    config.client_id = "894672089".try_into().unwrap();
    config.user_name = Some("489402".try_into().unwrap());
    config.password = Some(Bytes::from_static(b"dndfssj"));
    config.keep_alive = 120;
    // In 3.1.1 Clean Session.
    config.clean_start = true;
    let mut desk = Desk::new(config);
    desk.open();
    let expected = hex(
        "10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A",
    );
    assert_eq!(desk.sent_bytes(), expected);
}

/// [MQTT-3.1.2-9] (5.0)
#[test]
fn a_connect_with_everything_reads_back() {
    let mut config = config(V5);
    let mut will = Message::new("will", "gone").unwrap().with_qos(QoS::ExactlyOnce).retained();
    will.properties.message_expiry = Some(Duration::from_secs(9));
    will.properties.content_type = Some("text/plain".try_into().unwrap());
    will.properties.user_properties.push("k", "v").unwrap();
    config.will = Some(Will::new(will).with_delay(Duration::from_secs(7)));
    config.password = Some(Bytes::from_static(b"secret"));
    config.session_expiry = 100;
    config.receive_maximum = 5;
    config.request_response_information = true;
    config.request_problem_information = false;
    let mut desk = Desk::new(config);
    desk.open();
    let bytes = desk.sent_bytes();
    let Ok(Packet::Connect(connect)) = Packet::decode(&bytes, V5) else { panic!() };
    assert_eq!(connect.password, Some(&b"secret"[..]));
    assert_eq!(connect.user_name, None, "5.0 allows a password alone");
    assert_eq!(connect.properties.session_expiry_interval(), Some(100));
    assert_eq!(connect.properties.receive_maximum(), Some(5));
    assert_eq!(connect.properties.maximum_packet_size(), Some(1 << 20));
    assert_eq!(connect.properties.request_problem_information(), Some(false));
    let will = connect.will.unwrap();
    assert_eq!(
        (will.topic, will.payload, will.qos, will.retain),
        ("will", &b"gone"[..], QoS::ExactlyOnce, true)
    );
    assert_eq!(will.properties.will_delay_interval(), Some(7));
    assert_eq!(will.properties.message_expiry_interval(), Some(9));
    assert_eq!(will.properties.user_properties().collect::<Vec<_>>(), [("k", "v")]);
}

#[test]
fn settings_that_do_not_fit_into_a_packet_are_named() {
    let mut config = config(V5);
    config.will = Some(Will::new(Message::new("will", vec![0; 65_536]).unwrap()));
    let mut desk = Desk::new(config);
    desk.open();
    let events = desk.events();
    let unencodable =
        matches!(events[..], [ClientEvent::Disconnected { reason: DisconnectReason::Unencodable(_) }]);
    assert!(unencodable, "{events:?}");
    assert!(desk.sent().is_empty());
    desk.cut();
    assert_eq!(desk.client.transport(), Transport::None, "trying again would not help");
}

/// [MQTT-3.2.2-1] (3.1.1) [MQTT-3.2.2-2] (5.0): a real platform does this, see the wire examples.
#[test]
fn s10_session_present_after_a_clean_start() {
    for version in BOTH {
        for profile in [Profile::Strict, Profile::Interop] {
            let mut config = config(version);
            config.clean_start = true;
            config.profile = profile;
            let mut desk = Desk::new(config);
            let events = desk.connect(true);
            if profile == Profile::Strict {
                let reason = DisconnectReason::Misbehaved(Violation::SessionPresent);
                assert_eq!(events, [ClientEvent::Disconnected { reason }]);
                continue;
            }
            let [ClientEvent::Tolerated { deviation }, ClientEvent::Connected(connected)] = &events[..]
            else {
                panic!("{events:?}")
            };
            assert_eq!(*deviation, Deviation::SessionPresentAfterCleanStart);
            assert!(!connected.session_present);
        }
    }
}

/// [MQTT-3.2.2-4] (5.0): strict closes; interop goes on, because the program asked for no clean start.
#[test]
fn s10_session_present_without_a_session_of_ours() {
    for profile in [Profile::Strict, Profile::Interop] {
        let mut config = config(V5);
        config.profile = profile;
        let mut desk = Desk::new(config);
        desk.connect(true);
        assert_eq!(desk.client.is_connected(), profile == Profile::Interop);
    }
}

/// 5.0: the first connection starts clean, the next ones go on. 3.1.1: a clean session stays one.
/// [MQTT-3.1.2-4] (5.0)
#[test]
fn clean_start_is_for_the_first_connection_of_5_0() {
    for (version, second) in [(V5, "CONNECT c"), (V3, "CONNECT c clean")] {
        let mut config = config(version);
        config.clean_start = true;
        let mut desk = Desk::new(config);
        for expected in ["CONNECT c clean", second] {
            desk.open();
            assert_eq!(desk.sent(), [expected]);
            desk.accept(false, &[]);
            desk.cut();
        }
    }
}

#[test]
fn an_assigned_client_identifier_is_used_from_then_on() {
    let mut config = config(V5);
    config.client_id = Text::EMPTY;
    let mut desk = Desk::new(config);
    desk.connect_with(false, &[Property::AssignedClientIdentifier("given")]);
    desk.cut();
    desk.open();
    assert_eq!(desk.sent(), ["CONNECT given"]);
}

/// [MQTT-4.13.2-1] (5.0)
#[test]
fn a_refusal_names_its_code_and_closes() {
    for version in BOTH {
        let mut desk = Desk::new(config(version));
        desk.open();
        desk.sent();
        let reason = ReasonCode::NotAuthorized;
        desk.receive(&Packet::ConnAck(ConnAck {
            session_present: false,
            reason,
            properties: Properties::NONE,
        }));
        let [ClientEvent::Disconnected { reason: DisconnectReason::Refused(words) }] = &desk.events()[..]
        else {
            panic!()
        };
        assert_eq!(words.reason, ReasonCode::NotAuthorized);
        assert!(desk.sent().is_empty());
        assert_eq!(desk.client.transport(), Transport::FlushThenClose);
    }
}

/// [MQTT-3.2.0-1] (both versions): the first packet is CONNACK; [MQTT-3.2.0-2] (5.0): there is one.
#[test]
fn packets_before_and_a_second_connack_are_violations() {
    for version in BOTH {
        let mut desk = Desk::new(config(version));
        desk.open();
        desk.receive_bytes(&hex("D0 00"));
        assert!(matches!(
            desk.events()[..],
            [ClientEvent::Disconnected {
                reason: DisconnectReason::Misbehaved(Violation::HandshakeExpected(_))
            }]
        ));
        let mut desk = Desk::connected(config(version));
        desk.accept(false, &[]);
        assert!(matches!(
            desk.events()[..],
            [ClientEvent::Disconnected {
                reason: DisconnectReason::Misbehaved(Violation::UnexpectedPacket(_))
            }]
        ));
    }
}

fn auth(reason: ReasonCode, properties: &[Property<'_>]) -> Vec<u8> {
    encode(&Packet::Auth(Auth { reason, properties: Properties::new(properties) }), V5)
}

fn with_authentication() -> Desk {
    let mut config = config(V5);
    let mut authentication = Authentication::new("m".try_into().unwrap());
    authentication.data = Some(Bytes::from_static(b"first"));
    config.authentication = Some(authentication);
    Desk::new(config)
}

/// [MQTT-4.12.0-3], [MQTT-4.12.0-5], [MQTT-4.12.1-1] (5.0)
/// [MQTT-3.15.2-2] [MQTT-3.15.2-3] (5.0)
#[test]
fn an_authentication_exchange_and_a_second_one_on_the_live_connection() {
    let mut desk = with_authentication();
    desk.open();
    let bytes = desk.sent_bytes();
    let Ok(Packet::Connect(connect)) = Packet::decode(&bytes, V5) else { panic!() };
    assert_eq!(connect.properties.authentication_method(), Some("m"));
    assert_eq!(connect.properties.authentication_data(), Some(&b"first"[..]));
    let challenge = [Property::AuthenticationMethod("m"), Property::AuthenticationData(b"challenge")];
    desk.receive_bytes(&auth(ReasonCode::ContinueAuthentication, &challenge));
    let event = ClientEvent::Authentication {
        reason: ReasonCode::ContinueAuthentication,
        data: Some(Bytes::from_static(b"challenge")),
    };
    assert_eq!(desk.events(), std::slice::from_ref(&event));
    desk.client.authenticate(Some(Bytes::from_static(b"answer")), desk.now);
    desk.client.authenticate(Some(Bytes::from_static(b"twice")), desk.now);
    let answer = [Property::AuthenticationMethod("m"), Property::AuthenticationData(b"answer")];
    assert_eq!(desk.sent_bytes(), auth(ReasonCode::ContinueAuthentication, &answer));
    desk.accept(false, &[Property::AuthenticationMethod("m")]);
    assert!(matches!(desk.events()[..], [ClientEvent::Connected(_)]));

    desk.client.reauthenticate(None, desk.now);
    assert_eq!(desk.sent_bytes(), auth(ReasonCode::ReAuthenticate, &[Property::AuthenticationMethod("m")]));
    desk.receive_bytes(&auth(ReasonCode::ContinueAuthentication, &challenge));
    assert_eq!(desk.events(), [event]);
    desk.client.authenticate(None, desk.now);
    assert_eq!(desk.sent(), ["AUTH 0x18"]);
    desk.receive_bytes(&auth(ReasonCode::Success, &[Property::AuthenticationMethod("m")]));
    assert_eq!(desk.events(), [ClientEvent::Authentication { reason: ReasonCode::Success, data: None }]);
    assert!(desk.client.is_connected());
}

/// [MQTT-4.12.0-5], [MQTT-4.12.0-6] (5.0)
#[test]
fn authentication_out_of_place_is_a_violation() {
    let method = [Property::AuthenticationMethod("m")];
    let violation = |desk: &mut Desk| match &desk.events()[..] {
        [ClientEvent::Disconnected { reason: DisconnectReason::Misbehaved(violation) }] => *violation,
        other => panic!("{other:?}"),
    };
    let mut desk = Desk::connected(config(V5));
    desk.receive_bytes(&auth(ReasonCode::ContinueAuthentication, &method));
    assert_eq!(violation(&mut desk), Violation::UnexpectedAuthentication);

    let mut desk = with_authentication();
    desk.connect(false);
    desk.receive_bytes(&auth(ReasonCode::ContinueAuthentication, &method));
    assert_eq!(violation(&mut desk), Violation::UnexpectedAuthentication);

    let mut desk = with_authentication();
    desk.open();
    let other = [Property::AuthenticationMethod("other")];
    desk.receive_bytes(&auth(ReasonCode::ContinueAuthentication, &other));
    assert_eq!(violation(&mut desk), Violation::AuthenticationMethodChanged);
}

/// [MQTT-3.14.4-1] (5.0) [MQTT-3.14.4-2] (3.1.1): nothing follows DISCONNECT.
/// [MQTT-4.3.1-1] (both versions), [MQTT-3.14.4-1] (3.1.1), [MQTT-3.14.4-2] (5.0)
#[test]
fn a_goodbye_is_the_last_packet() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        desk.publish("a", QoS::AtMostOnce);
        desk.client.disconnect(Disconnect::default(), desk.now);
        desk.publish("later", QoS::AtMostOnce);
        assert_eq!(desk.sent(), ["PUBLISH q0 a=x", "DISCONNECT 0x00"]);
        assert_eq!(desk.client.transport(), Transport::FlushThenClose);
        let reason = DisconnectReason::Requested;
        assert_eq!(desk.events(), [ClientEvent::Disconnected { reason }]);
        desk.cut();
        assert_eq!(desk.client.transport(), Transport::None);
        assert!(desk.events().is_empty());
        desk.client.connect(desk.now);
        desk.connect(true);
        assert_eq!(desk.sent(), ["PUBLISH q0 later=x"]);
    }
}

#[test]
fn a_goodbye_that_wants_the_will() {
    for (version, expected) in [(V5, vec!["DISCONNECT 0x04"]), (V3, vec![])] {
        let mut desk = Desk::connected(config(version));
        let mut request = Disconnect::default();
        request.reason = ReasonCode::DisconnectWithWill;
        desk.client.disconnect(request, desk.now);
        assert_eq!(desk.sent(), expected);
        assert_eq!(desk.client.transport(), Transport::FlushThenClose);
    }
}

/// [MQTT-3.14.2-3], [MQTT-3.14.2-4] (5.0)
#[test]
fn s56_a_goodbye_too_long_for_the_server_loses_its_words_for_people() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(false, &[Property::MaximumPacketSize(20)]);
    let mut request = Disconnect::default();
    request.reason_string = Some("a long story for people to read".try_into().unwrap());
    request.session_expiry = Some(5);
    desk.client.disconnect(request, desk.now);
    let bytes = desk.sent_bytes();
    let packet = Packet::decode(&bytes, V5).unwrap();
    assert_eq!(brief(&packet), "DISCONNECT 0x00");
    let Packet::Disconnect(disconnect) = packet else { panic!() };
    assert_eq!(disconnect.properties.session_expiry_interval(), Some(5));
    assert_eq!(disconnect.properties.reason_string(), None);
}

/// [MQTT-3.2.2-15] (5.0): also a goodbye, which loses what makes it too large, and then is left out.
#[test]
fn no_packet_is_larger_than_the_server_takes() {
    for (limit, says_goodbye) in [(1, None), (4, None), (5, Some(3)), (8, Some(3)), (9, Some(9))] {
        let mut desk = Desk::new(config(V5));
        let events = desk.connect_with(false, &[Property::MaximumPacketSize(limit)]);
        let mut request = Disconnect::default();
        request.session_expiry = Some(5);
        request.reason = ReasonCode::DisconnectWithWill;
        if says_goodbye.is_none() {
            let reason = DisconnectReason::AnswerTooLarge;
            assert_eq!(events, [ClientEvent::Disconnected { reason }], "{limit}");
            assert_eq!((desk.sent(), desk.client.transport()), (vec![], Transport::FlushThenClose));
            continue;
        }
        desk.client.disconnect(request, desk.now);
        assert_eq!(Some(desk.sent_bytes().len()), says_goodbye, "{limit}");
    }
}

/// [MQTT-3.14.2-1] (5.0)
#[test]
fn a_goodbye_with_a_reason_that_no_client_may_send() {
    for version in BOTH {
        for &code in ReasonCode::ALL {
            let mut desk = Desk::connected(config(version));
            let mut request = Disconnect::default();
            request.reason = code;
            desk.client.disconnect(request, desk.now);
            let sent = desk.sent();
            if version == V3 {
                assert_eq!(sent.len(), usize::from(code != ReasonCode::DisconnectWithWill));
            } else if code.is_allowed_in(packet::PacketType::Disconnect)
                && !(0x87..=0x8F).contains(&code.as_u8())
                && code.as_u8() < 0x9A
            {
                assert_eq!(sent, [format!("DISCONNECT {:#04x}", code.as_u8())]);
            } else {
                assert_eq!(sent, ["DISCONNECT 0x80"]);
            }
        }
    }
}

/// 5.0 section 3.14.2.2.2: what counts is the 0 of CONNECT, not what the server made of it.
#[test]
fn a_goodbye_does_not_raise_the_session_expiry_from_zero() {
    let mut config = config(V5);
    config.session_expiry = 0;
    let mut desk = Desk::new(config);
    desk.connect_with(false, &[Property::SessionExpiryInterval(100)]);
    let mut request = Disconnect::default();
    request.session_expiry = Some(5);
    desk.client.disconnect(request, desk.now);
    let bytes = desk.sent_bytes();
    let Ok(Packet::Disconnect(disconnect)) = Packet::decode(&bytes, V5) else { panic!() };
    assert_eq!(disconnect.properties.session_expiry_interval(), None);
}

/// Each step of the exchange is answered before the next one.
#[test]
fn an_authentication_that_does_not_wait_for_the_answer_is_a_violation() {
    let mut config = config(V5);
    config.authentication = Some(Authentication::new("m".try_into().unwrap()));
    let mut desk = Desk::new(config);
    desk.open();
    let properties = [Property::AuthenticationMethod("m")];
    let properties = Properties::new(&properties);
    let auth = Packet::Auth(Auth { reason: ReasonCode::ContinueAuthentication, properties });
    desk.receive(&auth);
    desk.receive(&auth);
    let [ClientEvent::Authentication { .. }, ClientEvent::Disconnected { reason }] = &desk.events()[..]
    else {
        panic!()
    };
    assert_eq!(*reason, DisconnectReason::Misbehaved(Violation::UnexpectedAuthentication));
}

#[test]
fn a_reauthentication_on_3_1_1_has_no_effect() {
    let mut config = config(V3);
    config.authentication = Some(Authentication::new("m".try_into().unwrap()));
    let mut desk = Desk::connected(config);
    desk.client.reauthenticate(None, desk.now);
    assert!(desk.client.is_connected() && desk.sent().is_empty());
}

#[test]
fn a_name_that_nobody_asked_for_is_not_taken() {
    let mut desk = Desk::new(config(V5));
    desk.connect_with(false, &[Property::AssignedClientIdentifier("other")]);
    desk.cut();
    desk.open();
    assert_eq!(desk.sent(), ["CONNECT c"]);
}

/// The CONNACK that made the session was lost: the strict client can't go on with it, and must not try for ever.
#[test]
fn s10_a_strict_client_drops_a_session_that_it_has_no_part_of() {
    for (version, second) in [(V5, "CONNECT c clean"), (V3, "CONNECT c")] {
        let mut config = config(version);
        config.profile = Profile::Strict;
        let mut desk = Desk::new(config);
        desk.open();
        desk.sent();
        desk.accept(true, &[]);
        // A rule of 5.0 only: [MQTT-3.2.2-4] (5.0).
        assert_eq!(desk.client.is_connected(), version == V3);
        desk.cut();
        desk.open();
        assert_eq!(desk.sent(), [second]);
        desk.accept(version == V3, &[]);
        assert!(desk.client.is_connected());
        desk.cut();
        desk.open();
        assert_eq!(desk.sent(), ["CONNECT c"]);
    }
}
