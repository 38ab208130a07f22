//! Subscribe and unsubscribe requests, and S85.

use mqtt_engine::{
    ClientEvent, Deviation, DisconnectReason, Profile, QoS, Subscribe, Subscription, TopicFilter,
    Unsubscribe, Violation,
    packet::{Packet, Properties, ReasonCode, ReasonCodes, UnsubAck},
};

use crate::harness::{BOTH, Desk, V3, V5, config, hex, id};

const QOS1: QoS = QoS::AtLeastOnce;

fn filter(text: &str) -> TopicFilter {
    TopicFilter::try_from(text).unwrap()
}

fn subscribe(desk: &mut Desk, text: &str) -> u64 {
    desk.client.subscribe(Subscribe::new(filter(text), QOS1), desk.now).unwrap().as_u64()
}

#[test]
fn each_filter_has_its_result() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        let request = Subscribe::all(["a", "b"].map(|text| Subscription::new(filter(text), QOS1)));
        let token = desk.client.subscribe(request, desk.now).unwrap();
        assert_eq!(desk.sent(), ["SUBSCRIBE 1 a:1 b:1"]);
        let failure = if version == V5 { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError };
        desk.suback(1, &[ReasonCode::GrantedQoS1, failure]);
        let reasons = vec![ReasonCode::GrantedQoS1, failure];
        assert_eq!(desk.events(), [ClientEvent::Subscribed { token, reasons }]);
        assert_eq!(desk.client.subscriptions().map(ToString::to_string).collect::<Vec<_>>(), ["a"]);
    }
}

#[test]
fn unsubscribing_has_a_result_per_filter_in_both_versions() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        let request = Unsubscribe::new([filter("a"), filter("b")]);
        let token = desk.client.unsubscribe(request, desk.now).unwrap();
        assert_eq!(desk.sent(), ["UNSUBSCRIBE 1 a b"]);
        let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
        let codes = if version == V5 { &codes[..] } else { &[] };
        let reasons = ReasonCodes::new(codes);
        desk.receive(&Packet::UnsubAck(UnsubAck { packet_id: id(1), properties: Properties::NONE, reasons }));
        let expected =
            if version == V5 { codes.to_vec() } else { vec![ReasonCode::Success, ReasonCode::Success] };
        assert_eq!(desk.events(), [ClientEvent::Unsubscribed { token, reasons: expected }]);
    }
}

/// SUBSCRIBE is no part of the session: it is asked anew, with a new identifier.
#[test]
fn an_unanswered_request_is_asked_again_and_answered_once() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        let token = subscribe(&mut desk, "a");
        assert_eq!(desk.sent(), ["SUBSCRIBE 1 a:1"]);
        desk.cut();
        desk.events();
        let offline = subscribe(&mut desk, "b");
        desk.connect(true);
        assert_eq!(desk.sent(), ["SUBSCRIBE 2 a:1", "SUBSCRIBE 3 b:1"]);
        desk.suback(1, &[ReasonCode::GrantedQoS1]);
        assert!(matches!(desk.events()[..], [ClientEvent::Tolerated { .. }]));
        desk.suback(2, &[ReasonCode::GrantedQoS1]);
        desk.suback(3, &[ReasonCode::GrantedQoS1]);
        let answered: Vec<_> = desk
            .events()
            .into_iter()
            .map(|event| match event {
                ClientEvent::Subscribed { token, .. } => token.as_u64(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(answered, [token, offline]);
    }
}

/// Subscriptions come first, so that no answer to a queued message is missed.
#[test]
fn s85_a_lost_session_is_subscribed_again_before_queued_publishes_flow() {
    for version in BOTH {
        let mut desk = Desk::connected(config(version));
        subscribe(&mut desk, "a");
        desk.suback(1, &[ReasonCode::GrantedQoS1]);
        desk.sent();
        desk.cut();
        desk.publish("queued", QOS1);
        subscribe(&mut desk, "b");
        desk.open();
        desk.sent();
        desk.accept(false, &[]);
        assert_eq!(desk.sent(), ["SUBSCRIBE 2 a:1", "SUBSCRIBE 3 b:1"], "the program has not seen it yet");
        while !matches!(desk.client.poll_event(), Some(ClientEvent::Connected(_))) {}
        subscribe(&mut desk, "by the program");
        desk.suback(2, &[ReasonCode::GrantedQoS1]);
        let sent = desk.sent();
        assert!(sent.contains(&"PUBLISH 4 q1 queued=x".to_owned()), "{sent:?}");
        let [ClientEvent::Resubscribed { filters, reasons }] = &desk.events()[..] else { panic!() };
        assert_eq!((&filters[..], &reasons[..]), (&[filter("a")][..], &[ReasonCode::GrantedQoS1][..]));
    }
}

#[test]
fn s85_without_the_setting_the_program_subscribes_itself() {
    let mut config = config(V5);
    config.resubscribe = false;
    let mut desk = Desk::connected(config);
    subscribe(&mut desk, "a");
    desk.suback(1, &[ReasonCode::GrantedQoS1]);
    desk.sent();
    desk.cut();
    desk.connect(false);
    assert!(desk.sent().is_empty());
    assert_eq!(desk.client.subscriptions().count(), 0);
}

/// A SUBACK with no, too few or too many codes.
#[test]
fn a_suback_of_the_wrong_length_counts_missing_codes_as_failures() {
    for profile in [Profile::Interop, Profile::Strict] {
        for (bytes, expected) in [
            ("90 03 00 01 00", Some(vec![ReasonCode::Success, ReasonCode::UnspecifiedError])),
            ("90 05 00 01 00 00 00", Some(vec![ReasonCode::Success, ReasonCode::Success])),
            ("90 02 00 01", None),
        ] {
            let mut config = config(V3);
            config.profile = profile;
            let mut desk = Desk::connected(config);
            let request = Subscribe::all(["a", "b"].map(|text| Subscription::new(filter(text), QOS1)));
            let token = desk.client.subscribe(request, desk.now).unwrap();
            desk.receive_bytes(&hex(bytes));
            let events = desk.events();
            match (profile, expected) {
                (_, None) => assert!(
                    matches!(
                        events[..],
                        [ClientEvent::Disconnected { reason: DisconnectReason::Malformed(_) }]
                    ),
                    "{events:?}"
                ),
                (Profile::Interop, Some(reasons)) => {
                    let deviation = Deviation::WrongNumberOfReasonCodes;
                    let tolerated = ClientEvent::Tolerated { deviation };
                    assert_eq!(events, [tolerated, ClientEvent::Subscribed { token, reasons }]);
                }
                (_, Some(_)) => {
                    let reason = DisconnectReason::Misbehaved(Violation::WrongNumberOfReasonCodes);
                    assert_eq!(events, [ClientEvent::Disconnected { reason }]);
                }
            }
        }
    }
}
