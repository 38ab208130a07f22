//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt_engine::{
    Subscribe, Subscription, Unsubscribe,
    packet::{self, Property, ReasonCode, RetainHandling},
};
use mqtt_engine_diary::script::{ClientStage, puback, publish, suback, subscribe, unsuback, unsubscribe};

use super::play;
use crate::{
    diaries,
    vocabulary::{QOS0, QOS1, QOS2, V3, V5, filter, lasting, message, subscribe_to, unsubscribe_from, with},
};

diaries! { "client";
    subscribe_each_filter_has_its_result_v3 => play(lasting(V3), results);
    subscribe_each_filter_has_its_result_v5 => play(lasting(V5), results);
    subscribe_with_options_v5 => play(lasting(V5), options);
    subscribe_a_message_may_come_before_suback_v3 => play(lasting(V3), early_message);
    subscribe_a_message_may_come_before_suback_v5 => play(lasting(V5), early_message);
    subscribe_an_unanswered_request_is_asked_again_v3 => play(lasting(V3), asked_again);
    subscribe_an_unanswered_request_is_asked_again_v5 => play(lasting(V5), asked_again);
    subscribe_a_suback_that_is_too_short_v3 => play(lasting(V3), short_suback);
    subscribe_a_suback_that_is_too_short_v5 => play(lasting(V5), short_suback);
    subscribe_offline_v3 => play(lasting(V3), offline);
    subscribe_offline_v5 => play(lasting(V5), offline);
    unsubscribe_each_filter_has_its_result_v3 => play(lasting(V3), unsubscribed);
    unsubscribe_each_filter_has_its_result_v5 => play(lasting(V5), unsubscribed);
}

/// Three filters, three codes in their order, one of them a failure.
fn results(client: &mut dyn ClientStage) {
    let filters = [("a", QOS0), ("b/+", QOS1), ("c/#", QOS2)];
    client.connect();
    client.subscribe(Subscribe::all(filters.map(|(name, qos)| Subscription::new(filter(name), qos))));
    client.recv(subscribe(1).filter("a", QOS0).filter("b/+", QOS1).filter("c/#", QOS2));
    client.send(suback(1, &[ReasonCode::Success, ReasonCode::UnspecifiedError, ReasonCode::GrantedQoS1]));
}

/// No Local, Retain As Published, Retain Handling and an identifier, which comes back with the message.
fn options(client: &mut dyn ClientStage) {
    client.connect();
    client.subscribe(with(subscribe_to("button", QOS1), |request| {
        request.identifier = Some(5);
        for subscription in &mut request.filters {
            subscription.no_local = true;
            subscription.retain_as_published = true;
            subscription.retain_handling = RetainHandling::DoNotSend;
        }
    }));
    let wire = packet::Subscription {
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        ..packet::Subscription::new("button", QOS1)
    };
    client.recv(subscribe(1).subscription(wire).with(Property::SubscriptionIdentifier(5)));
    client.send(suback(1, &[ReasonCode::GrantedQoS1]));
    client.send(publish("button", "1").with(Property::SubscriptionIdentifier(5)));
}

/// It is delivered. Section 3.8.4 of both versions
fn early_message(client: &mut dyn ClientStage) {
    client.connect();
    client.subscribe(subscribe_to("button", QOS1));
    client.recv(subscribe(1).filter("button", QOS1));
    client.send(publish("button", "1").qos1(7).retain());
    client.recv(puback(7));
    client.send(suback(1, &[ReasonCode::GrantedQoS1]));
}

/// With a new identifier: requests are no part of the session. One answer for the program.
fn asked_again(client: &mut dyn ClientStage) {
    client.connect();
    client.subscribe(subscribe_to("button", QOS1));
    client.lose(subscribe(1).filter("button", QOS1));
    client.unsubscribe(unsubscribe_from("bell"));
    client.lose(unsubscribe(2, &["bell"]));
    client.cut();
    client.resume();
    client.recv(subscribe(3).filter("button", QOS1));
    client.recv(unsubscribe(4, &["bell"]));
    client.send_part(suback(3, &[ReasonCode::GrantedQoS1]), 3);
    client.cut();
    client.resume();
    client.recv(subscribe(5).filter("button", QOS1));
    client.recv(unsubscribe(6, &["bell"]));
    client.send(suback(5, &[ReasonCode::GrantedQoS1]));
    client.send(unsuback(6, &[ReasonCode::Success]));
}

/// The missing code counts as a failure, and the deviation is told. [MQTT-3.8.4-5] (3.1.1) [MQTT-3.8.4-6] (5.0)
fn short_suback(client: &mut dyn ClientStage) {
    client.connect();
    client.subscribe(Subscribe::all(["a", "b"].map(|name| Subscription::new(filter(name), QOS1))));
    client.recv(subscribe(1).filter("a", QOS1).filter("b", QOS1));
    client.send(suback(1, &[ReasonCode::GrantedQoS1]));
}

/// Requests go out before the messages, whatever the order of the calls.
fn offline(client: &mut dyn ClientStage) {
    client.publish(message("led", "on", QOS1));
    client.subscribe(subscribe_to("button", QOS1));
    client.connect();
    client.recv(subscribe(1).filter("button", QOS1));
    client.recv(publish("led", "on").qos1(2));
    client.send(suback(1, &[ReasonCode::GrantedQoS1]));
    client.send(puback(2));
}

/// 3.1.1 has no codes: all are success. [MQTT-3.11.3-1] (5.0)
fn unsubscribed(client: &mut dyn ClientStage) {
    client.connect();
    client.unsubscribe(Unsubscribe::new(["a", "b/#"].map(filter)));
    client.recv(unsubscribe(1, &["a", "b/#"]));
    client.send(unsuback(1, &[ReasonCode::Success, ReasonCode::NoSubscriptionExisted]));
}
