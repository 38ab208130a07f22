//! Subscriptions: overlapping, replaced, not local, and visible from their SUBACK on.

use mqtt_engine::{
    Answer,
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R, Subscription},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe, unsuback,
    unsubscribe,
};

use super::{Steps as _, play, play_v5, play_with, with};
use crate::{
    diaries,
    vocabulary::{QOS, V3, V5, millis},
};

diaries! { "broker";
    s65_overlapping_subscriptions_bring_one_copy_v3 => play(V3, overlapping);
    s65_overlapping_subscriptions_bring_one_copy_v5 => play(V5, overlapping);
    s65_one_copy_has_all_identifiers_v5 => play_v5(identifiers);
    s67_a_message_after_suback_is_always_routed_v3 =>
        play_with(with(|config| config.ask_subscribe = true), |desk| visible(desk, V3));
    s67_a_message_after_suback_is_always_routed_v5 =>
        play_with(with(|config| config.ask_subscribe = true), |desk| visible(desk, V5));
    the_lower_qos_counts_v3 => play(V3, lower_qos);
    the_lower_qos_counts_v5 => play(V5, lower_qos);
    a_subscription_is_replaced_v3 => play(V3, replaced);
    a_subscription_is_replaced_v5 => play(V5, replaced);
    no_local_v5 => play_v5(no_local);
    unsubscribe_keeps_what_is_on_its_way_v3 => play(V3, unsubscribed);
    unsubscribe_keeps_what_is_on_its_way_v5 => play(V5, unsubscribed);
    wildcards_do_not_match_topics_of_the_server_v3 => play(V3, dollar);
    wildcards_do_not_match_topics_of_the_server_v5 => play(V5, dollar);
    properties_travel_with_the_message_v5 => play_v5(properties);
}

/// Two filters match: one copy, with the higher QoS of the two. [MQTT-3.3.5-1] (3.1.1), [MQTT-3.3.4-2] (5.0)
fn overlapping(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    let both = subscribe(1).filter("a/+", AtLeastOnce).filter("a/#", AtMostOnce);
    broker.ask("c", both, suback(1, &[R::GrantedQoS1, R::Success]));
    broker.ask("c", publish("a/b", "x").qos2(1), pubrec(1));
    broker.recv("c", publish("a/b", "x").qos1(1));
    broker.ask("c", pubrel(1), pubcomp(1));
    broker.send("c", puback(1));
    broker.silence(millis(100));
}

/// Three filters match, two of them with an identifier: one copy names both, in any order. [MQTT-3.3.4-3] [MQTT-3.3.4-4] (5.0)
fn identifiers(broker: &mut dyn BrokerStage) {
    let number = Property::SubscriptionIdentifier;
    broker.joins("c", V5);
    broker.ask("c", subscribe(1).filter("a/+", AtMostOnce).with(number(1)), suback(1, &[R::Success]));
    broker.ask("c", subscribe(2).filter("a/#", AtLeastOnce).with(number(200)), suback(2, &[R::GrantedQoS1]));
    broker.ask("c", subscribe(3).filter("#", AtMostOnce), suback(3, &[R::Success]));
    broker.joins("pub", V5);
    broker.ask("pub", publish("a/b", "x").qos1(1), puback(1));
    broker.recv("c", publish("a/b", "x").qos1(1).with(number(200)).with(number(1)));
    broker.send("c", puback(1));
    // Without an identifier it is another subscription in place of the first one.
    broker.subscribes("c", "a/+", AtMostOnce);
    broker.send("pub", publish("a/b", "y"));
    broker.recv("c", publish("a/b", "y").with(number(200)));
}

/// While the program ponders there is no subscription; from SUBACK on there is. [MQTT-3.8.4-1] (both versions)
fn visible(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("sub", version);
    broker.joins("pub", version);
    broker.send("sub", subscribe(1).filter("t", AtLeastOnce));
    broker.ask("pub", publish("t", "early").qos1(1), puback(1).reason(R::NoMatchingSubscribers));
    broker.answer(Answer::Allow);
    broker.ask("pub", publish("t", "late").qos1(2), puback(2));
    broker.recv("sub", suback(1, &[R::GrantedQoS1]));
    broker.recv("sub", publish("t", "late").qos1(1));
    broker.send("sub", puback(1));
}

/// QoS 0, 1 and 2 to a subscriber that was granted 1. [MQTT-3.8.4-6] (3.1.1), [MQTT-3.8.4-8] (5.0)
fn lower_qos(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    for (name, qos) in ["zero", "one", "two"].into_iter().zip(QOS) {
        broker.joins(name, version);
        broker.subscribes(name, "t", qos);
    }
    broker.joins("pub", version);
    let message = || publish("t", "x");
    broker.send("pub", message());
    for name in ["zero", "one", "two"] {
        broker.recv(name, message());
    }
    broker.ask("pub", message().qos1(1), puback(1));
    broker.recv("zero", message());
    broker.recv("one", message().qos1(1));
    broker.recv("two", message().qos1(1));
    broker.ask("pub", message().qos2(2), pubrec(2));
    broker.recv("zero", message());
    broker.recv("one", message().qos1(2));
    broker.recv("two", message().qos2(2));
    broker.ask("pub", pubrel(2), pubcomp(2));
    broker.send("one", puback(1));
    broker.send("one", puback(2));
    broker.send("two", puback(1));
    broker.ask("two", pubrec(2), pubrel(2));
    broker.send("two", pubcomp(2));
}

/// The same filter again, with another QoS: still one copy, with the new QoS. [MQTT-3.8.4-3] (both versions)
fn replaced(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "t", AtMostOnce);
    broker.subscribes("c", "t", ExactlyOnce);
    broker.ask("c", publish("t", "x").qos1(1), puback(1));
    broker.recv("c", publish("t", "x").qos1(1));
    broker.send("c", puback(1));
    broker.silence(millis(100));
}

/// Not what it publishes itself; what others publish. [MQTT-3.8.3-3] (5.0)
fn no_local(broker: &mut dyn BrokerStage) {
    let subscription = Subscription { no_local: true, ..Subscription::new("t", AtMostOnce) };
    broker.joins("c", V5);
    broker.ask("c", subscribe(1).subscription(subscription), suback(1, &[R::Success]));
    broker.joins("other", V5);
    broker.ask("c", publish("t", "mine").qos1(1), puback(1).reason(R::NoMatchingSubscribers));
    broker.send("other", publish("t", "other"));
    broker.recv("c", publish("t", "other"));
    broker.silence(millis(100));
}

/// Messages in flight are finished, new ones do not come; an unknown filter is told in 5.0.
/// [MQTT-3.10.4-2] [MQTT-3.10.4-3] (both versions)
fn unsubscribed(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "t", ExactlyOnce);
    broker.joins("pub", version);
    broker.ask("pub", publish("t", "x").qos2(1), pubrec(1));
    broker.recv("c", publish("t", "x").qos2(1));
    let answer = unsuback(11, &[R::Success, R::NoSubscriptionExisted]);
    broker.ask("c", unsubscribe(11, &["t", "other"]), answer);
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.ask("c", pubrec(1), pubrel(1));
    broker.send("c", pubcomp(1));
    broker.ask("pub", publish("t", "y").qos1(2), puback(2).reason(R::NoMatchingSubscribers));
    broker.silence(millis(100));
}

/// `#` and `+/x` do not match `$app/x`, `$app/#` does. [MQTT-4.7.2-1] (both versions)
fn dollar(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("all", version);
    let both = subscribe(1).filter("#", AtMostOnce).filter("+/x", AtMostOnce);
    broker.ask("all", both, suback(1, &[R::Success, R::Success]));
    broker.joins("c", version);
    broker.subscribes("c", "$app/#", AtMostOnce);
    broker.send("c", publish("$app/x", "1"));
    broker.recv("c", publish("$app/x", "1"));
    broker.silence(millis(100));
}

/// Unchanged, and pairs in their order. [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] (5.0)
fn properties(broker: &mut dyn BrokerStage) {
    let message = || {
        publish("t", "x")
            .with(Property::PayloadFormatIndicator(mqtt_engine::PayloadFormat::Utf8))
            .with(Property::ContentType("text/plain"))
            .with(Property::ResponseTopic("answers/c"))
            .with(Property::CorrelationData(&[1, 2, 3]))
            .with(Property::UserProperty("b", "1"))
            .with(Property::UserProperty("a", "2"))
            .with(Property::UserProperty("b", "1"))
    };
    broker.joins("c", V5);
    broker.subscribes("c", "t", AtMostOnce);
    broker.send("c", message());
    broker.recv("c", message());
}
