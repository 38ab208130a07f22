//! SUBSCRIBE and UNSUBSCRIBE, which the program finishes.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    ConnectionDesk, bytes, disconnect, pingreq, pingresp, publish, suback, subscribe, unsuback, unsubscribe,
};

use super::{Steps as _, play};
use crate::{
    diaries,
    vocabulary::{V3, V5, message, millis},
};

diaries! { "connection";
    subscribe_and_unsubscribe_v3 => play(V3, both);
    subscribe_and_unsubscribe_v5 => play(V5, both);
    a_filter_is_refused_v3 => play(V3, refused);
    a_filter_is_refused_v5 => play(V5, refused);
    a_filter_that_the_program_forgot_v3 => play(V3, forgotten);
    a_filter_that_the_program_forgot_v5 => play(V5, forgotten);
    a_subscription_identifier_v5 => play(V5, identifier);
    a_subscribe_with_reserved_flags_v3 => play(V3, reserved_flags);
    a_subscribe_with_reserved_flags_v5 => play(V5, reserved_flags);
}

/// SUBACK is there before the first message; what comes behind a request waits for it.
/// [MQTT-3.8.4-1] [MQTT-3.8.4-2] (both versions), [MQTT-2.3.1-7] (3.1.1), [MQTT-2.2.1-6] (5.0)
fn both(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(subscribe(1).filter("a", AtLeastOnce).filter("b/#", ExactlyOnce));
    server.send(pingreq());
    server.silence(millis(100));
    server.done(&[R::GrantedQoS1, R::GrantedQoS2]);
    server.deliver(message("a", "x", AtMostOnce));
    server.recv(suback(1, &[R::GrantedQoS1, R::GrantedQoS2]));
    server.recv(pingresp());
    server.recv(publish("a", "x"));
    server.send(unsubscribe(2, &["a", "c"]));
    server.done(&[R::Success, R::NoSubscriptionExisted]);
    server.recv(unsuback(2, &[R::Success, R::NoSubscriptionExisted]));
}

/// In 3.1.1 there is one code for failure. [MQTT-3.8.4-5] (3.1.1), [MQTT-3.8.4-6] [MQTT-3.9.3-1] (5.0)
fn refused(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.send(subscribe(1).filter("secret", AtLeastOnce).filter("t", AtLeastOnce));
    server.done(&[R::NotAuthorized, R::Success]);
    let reason = if version == V5 { R::NotAuthorized } else { R::UnspecifiedError };
    server.recv(suback(1, &[reason, R::Success]));
}

/// One code for two filters: the other is a failure.
fn forgotten(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(subscribe(1).filter("a", AtLeastOnce).filter("b", AtLeastOnce));
    server.done(&[R::GrantedQoS1]);
    server.recv(suback(1, &[R::GrantedQoS1, R::UnspecifiedError]));
}

/// The program hears of it.
fn identifier(server: &mut ConnectionDesk, _: ProtocolVersion) {
    server.joins();
    server.send(subscribe(1).filter("a", AtMostOnce).with(Property::SubscriptionIdentifier(268_435_455)));
    server.done(&[R::Success]);
    server.recv(suback(1, &[R::Success]));
}

/// [MQTT-3.8.1-1] (both versions)
fn reserved_flags(server: &mut ConnectionDesk, version: ProtocolVersion) {
    server.joins();
    server.send(bytes(&[0x80, 2, 0, 1]));
    if version == V5 {
        server.recv(disconnect(R::MalformedPacket));
    }
    server.ends();
}
