//! Subscribe and unsubscribe requests, and S85.

use mqtt_engine::{
    ClientEvent, Deviation, DisconnectReason, Profile, QoS, Subscribe, Subscription, TopicFilter,
    Unsubscribe, Violation,
    packet::{Packet, Properties, Property, ReasonCode, ReasonCodes, UnsubAck},
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
        assert_eq!(desk.sent(), ["SUBSCRIBE 4 by the program:1", "PUBLISH 5 q1 queued=x"]);
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
fn cve_2024_10525_a_suback_of_the_wrong_length_counts_missing_codes_as_failures() {
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

fn lose_session(desk: &mut Desk, properties: &[Property<'_>]) -> Vec<String> {
    desk.cut();
    desk.connect_with(false, properties);
    desk.sent()
}

/// A server that loses the session again and again, and is gone before it answers.
#[test]
fn s85_subscriptions_that_are_made_again_do_not_pile_up() {
    let mut desk = Desk::connected(config(V5));
    subscribe(&mut desk, "a");
    desk.suback(1, &[ReasonCode::GrantedQoS1]);
    desk.sent();
    for number in 2..20 {
        assert_eq!(lose_session(&mut desk, &[]), [format!("SUBSCRIBE {number} a:1")]);
    }
}

/// What the program asked for since has the last word, whatever happens to the connection.
#[test]
fn s85_subscriptions_that_are_made_again_stay_before_what_the_program_asks_for() {
    let mut desk = Desk::connected(config(V5));
    subscribe(&mut desk, "a");
    desk.suback(1, &[ReasonCode::GrantedQoS1]);
    desk.sent();
    desk.cut();
    desk.client.unsubscribe(Unsubscribe::new([filter("a")]), desk.now).unwrap();
    desk.connect(false);
    assert_eq!(desk.sent(), ["SUBSCRIBE 2 a:1", "UNSUBSCRIBE 3 a"]);
    desk.cut();
    desk.connect(true);
    assert_eq!(desk.sent(), ["SUBSCRIBE 4 a:1", "UNSUBSCRIBE 5 a"]);
}

#[test]
fn s85_a_server_with_a_smaller_limit_is_asked_filter_by_filter() {
    let mut desk = Desk::connected(config(V5));
    let filters = ["a/long/filter", "b/long/filter"].map(filter);
    for (number, filter) in (1..).zip(filters) {
        desk.client.subscribe(Subscribe::new(filter, QOS1), desk.now).unwrap();
        desk.suback(number, &[ReasonCode::GrantedQoS1]);
    }
    desk.sent();
    let sent = lose_session(&mut desk, &[Property::MaximumPacketSize(30)]);
    assert_eq!(sent, ["SUBSCRIBE 3 a/long/filter:1", "SUBSCRIBE 4 b/long/filter:1"]);
}

/// 5.0 sections 3.2.2.3.11 to 13: a request from before the CONNACK that rules it out fails here. A server may close the
/// connection for it, and the request would come again on the next one.
#[test]
fn s71_an_offline_request_that_connack_forbids_is_answered_here() {
    let mut desk = Desk::new(config(V5));
    let mut identified = Subscribe::new(filter("a"), QOS1);
    identified.identifier = Some(1);
    let requests =
        [Subscribe::new(filter("a/#"), QOS1), Subscribe::new(filter("$share/g/a"), QOS1), identified];
    for request in requests {
        desk.client.subscribe(request, desk.now).unwrap();
    }
    let events = desk.connect_with(
        false,
        &[
            Property::WildcardSubscriptionAvailable(false),
            Property::SubscriptionIdentifierAvailable(false),
            Property::SharedSubscriptionAvailable(false),
        ],
    );
    let codes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ClientEvent::Subscribed { reasons, .. } => Some(reasons[0].as_u8()),
            _ => None,
        })
        .collect();
    assert_eq!(codes, [0xA2, 0x9E, 0xA1]);
    assert!(desk.sent().is_empty());
}

/// The program has all the time between taking the event and its next look, for as many requests as it likes; whichever way
/// it goes on, the queued message follows them.
#[test]
fn s85_what_the_program_subscribes_to_when_it_hears_of_the_loss_goes_before_queued_publishes() {
    for polls_again in [false, true] {
        let mut config = config(V5);
        config.resubscribe = false;
        let mut desk = Desk::connected(config);
        desk.cut();
        desk.publish("queued", QOS1);
        desk.open();
        desk.sent();
        desk.accept(false, &[]);
        assert!(matches!(desk.client.poll_event(), Some(ClientEvent::Disconnected { .. })));
        assert!(matches!(desk.client.poll_event(), Some(ClientEvent::Connected(_))));
        subscribe(&mut desk, "a");
        subscribe(&mut desk, "b");
        if polls_again {
            assert_eq!(desk.client.poll_event(), None);
        }
        assert_eq!(desk.sent(), ["SUBSCRIBE 1 a:1", "SUBSCRIBE 2 b:1", "PUBLISH 3 q1 queued=x"]);
    }
}

/// The Connected event of a former connection says nothing about the present one.
#[test]
fn s85_publishes_wait_until_the_program_knows_of_this_loss() {
    let mut desk = Desk::new(config(V5));
    desk.open();
    desk.accept(false, &[]);
    desk.cut();
    desk.publish("queued", QOS1);
    desk.open();
    desk.accept(false, &[]);
    desk.sent();
    let connected = |event: &ClientEvent| matches!(event, ClientEvent::Connected(_));
    assert!(desk.client.poll_event().is_some_and(|event| connected(&event)));
    assert!(desk.sent().is_empty());
    desk.events();
    assert_eq!(desk.sent(), ["PUBLISH 1 q1 queued=x"]);
}

#[test]
fn a_refused_change_leaves_the_granted_subscription_in_force() {
    let mut desk = Desk::connected(config(V5));
    subscribe(&mut desk, "a");
    desk.suback(1, &[ReasonCode::GrantedQoS1]);
    subscribe(&mut desk, "a");
    desk.suback(2, &[ReasonCode::QuotaExceeded]);
    assert_eq!(desk.client.subscriptions().map(ToString::to_string).collect::<Vec<_>>(), ["a"]);
}
