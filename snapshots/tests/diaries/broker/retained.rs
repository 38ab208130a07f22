//! Retained messages at subscribe, and the RETAIN flag on its way.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R, RetainHandling, Subscription},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe, unsuback,
    unsubscribe,
};

use super::{Steps as _, play, play_v5, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, millis},
};

diaries! { "broker";
    s64_a_retained_message_has_the_lower_qos_v3 => play(V3, downgraded);
    s64_a_retained_message_has_the_lower_qos_v5 => play(V5, downgraded);
    s64_a_retained_message_has_the_subscription_identifier_v5 => play_v5(identifier);
    s64_retain_handling_0_sends_at_every_subscribe_v5 => play_v5(|broker| handling(broker, RetainHandling::SendAtSubscribe));
    s64_retain_handling_1_sends_to_new_subscriptions_v5 => play_v5(|broker| handling(broker, RetainHandling::SendIfNew));
    s64_retain_handling_2_never_sends_v5 => play_v5(|broker| handling(broker, RetainHandling::DoNotSend));
    s64_v3_subscribes_again_and_gets_it_again => play(V3, again);
    s64_retain_as_published_v5 => play_v5(as_published);
    s64_nothing_is_sent_again_when_a_session_is_resumed_v3 => play(V3, resumed);
    s64_nothing_is_sent_again_when_a_session_is_resumed_v5 => play(V5, resumed);
    s64_the_latest_message_replaces_the_others_v3 => play(V3, replaced);
    s64_the_latest_message_replaces_the_others_v5 => play(V5, replaced);
    s64_a_full_store_delivers_but_does_not_keep_v3 =>
        play_with(with(|config| config.retained_count = 1), |desk| full(desk, V3));
    s64_a_full_store_delivers_but_does_not_keep_v5 =>
        play_with(with(|config| config.retained_count = 1), |desk| full(desk, V5));
}

/// Published with QoS 2, granted 1 and 0: sent with 1 and 0. [MQTT-3.8.4-6] (3.1.1), [MQTT-3.8.4-8] (5.0)
fn downgraded(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("pub", version);
    let answer = pubrec(1).reason(R::NoMatchingSubscribers);
    broker.ask("pub", publish("t", "x").qos2(1).retain(), answer);
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.joins("one", version);
    broker.subscribes("one", "t", AtLeastOnce);
    broker.recv("one", publish("t", "x").qos1(1).retain());
    broker.send("one", puback(1));
    broker.joins("zero", version);
    broker.subscribes("zero", "t", AtMostOnce);
    broker.recv("zero", publish("t", "x").retain());
}

/// Of the subscription that brings it, and of no other that matches.
fn identifier(broker: &mut dyn BrokerStage) {
    let number = Property::SubscriptionIdentifier;
    broker.joins("c", V5);
    broker.send("c", publish("a/b", "x").retain());
    broker.ask("c", subscribe(1).filter("a/+", AtMostOnce).with(number(7)), suback(1, &[R::Success]));
    broker.recv("c", publish("a/b", "x").retain().with(number(7)));
    broker.ask("c", subscribe(2).filter("a/#", AtMostOnce).with(number(300)), suback(2, &[R::Success]));
    broker.recv("c", publish("a/b", "x").retain().with(number(300)));
}

/// Subscribed, again, unsubscribed and anew: 0 sends three times, 1 twice, 2 never.
/// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] (5.0)
fn handling(broker: &mut dyn BrokerStage, retain_handling: RetainHandling) {
    let (first, again) = match retain_handling {
        RetainHandling::SendAtSubscribe => (true, true),
        RetainHandling::SendIfNew => (true, false),
        RetainHandling::DoNotSend => (false, false),
    };
    broker.joins("c", V5);
    broker.send("c", publish("t", "x").retain());
    let subscription = Subscription { retain_handling, ..Subscription::new("t", AtMostOnce) };
    let subscribes = |broker: &mut dyn BrokerStage, is_sent| {
        broker.ask("c", subscribe(1).subscription(subscription), suback(1, &[R::Success]));
        if is_sent {
            broker.recv("c", publish("t", "x").retain());
        }
        broker.silence(millis(100));
    };
    subscribes(broker, first);
    subscribes(broker, again);
    broker.ask("c", unsubscribe(2, &["t"]), unsuback(2, &[R::Success]));
    subscribes(broker, first);
}

/// A SUBSCRIBE with the same filter replaces the subscription, and brings the retained message. [MQTT-3.8.4-3] (3.1.1)
fn again(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.send("c", publish("t", "x").retain());
    for _ in 0..2 {
        broker.subscribes("c", "t", AtMostOnce);
        broker.recv("c", publish("t", "x").retain());
    }
}

/// A live message keeps its RETAIN flag where the subscription says so, and only there. [MQTT-3.3.1-12] [MQTT-3.3.1-13] (5.0)
fn as_published(broker: &mut dyn BrokerStage) {
    let as_published = Subscription { retain_as_published: true, ..Subscription::new("t", AtMostOnce) };
    broker.joins("as-published", V5);
    broker.ask("as-published", subscribe(1).subscription(as_published), suback(1, &[R::Success]));
    broker.joins("plain", V5);
    broker.subscribes("plain", "t", AtMostOnce);
    broker.joins("pub", V5);
    broker.send("pub", publish("t", "kept").retain());
    broker.recv("as-published", publish("t", "kept").retain());
    broker.recv("plain", publish("t", "kept"));
    broker.send("pub", publish("t", "not kept"));
    broker.recv("as-published", publish("t", "not kept"));
    broker.recv("plain", publish("t", "not kept"));
}

/// The subscription is there already.
fn resumed(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("pub", version);
    broker.send("pub", publish("t", "x").retain());
    broker.starts("sub", version);
    broker.subscribes("sub", "t", ExactlyOnce);
    broker.recv("sub", publish("t", "x").retain());
    broker.cut("sub");
    broker.resumes("sub", version);
    broker.silence(millis(100));
}

/// One message for each topic; what is published without RETAIN changes nothing. [MQTT-3.3.1-5] (both versions),
/// [MQTT-3.3.1-12] (3.1.1), [MQTT-3.3.1-8] (5.0)
fn replaced(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("pub", version);
    broker.send("pub", publish("a", "1").retain());
    broker.send("pub", publish("a", "2").retain());
    broker.send("pub", publish("a", "3"));
    broker.send("pub", publish("b", "4").retain());
    broker.joins("sub", version);
    broker.subscribes("sub", "+", AtMostOnce);
    broker.recv("sub", publish("a", "2").retain());
    broker.recv("sub", publish("b", "4").retain());
    broker.silence(millis(100));
}

/// The second topic finds no room: its message goes to who is there, and the program is told.
fn full(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "b", AtMostOnce);
    broker.send("c", publish("a", "1").retain());
    broker.send("c", publish("b", "2").retain());
    broker.recv("c", publish("b", "2"));
    broker.subscribes("c", "+", AtMostOnce);
    broker.recv("c", publish("a", "1").retain());
    broker.silence(millis(100));
}
