//! Exactly once, against everything that goes wrong with it.

use mqtt_engine::{
    Answer,
    QoS::{AtMostOnce, ExactlyOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, connack, connect, disconnect, pingreq, pingresp, puback, pubcomp, publish,
    pubrec, pubrel,
};

use super::{Steps as _, play, play_v5, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, durable, millis, seconds},
};

diaries! { "broker";
    s20_three_times_published_and_once_delivered_v3 => play(V3, repeated);
    s20_three_times_published_and_once_delivered_v5 => play(V5, repeated);
    s21_published_again_after_a_cut_and_once_delivered_v3 => play(V3, over_a_cut);
    s21_published_again_after_a_cut_and_once_delivered_v5 => play(V5, over_a_cut);
    s22_the_same_identifier_in_both_directions_v3 => play(V3, both_directions);
    s22_the_same_identifier_in_both_directions_v5 => play(V5, both_directions);
    s23_an_unknown_pubrel_is_answered_v3 => play(V3, unknown_pubrel);
    s23_an_unknown_pubrel_is_answered_v5 => play(V5, unknown_pubrel);
    s24_unknown_acknowledgements_do_no_harm_v3 => play(V3, unknown_acks);
    s24_unknown_acknowledgements_do_no_harm_v5 => play(V5, unknown_acks);
    s25_a_subscriber_refuses_with_pubrec_v5 => play_v5(refused_by_the_subscriber);
    s25_the_broker_refuses_with_pubrec_v5 =>
        play_with(with(|config| config.ask_publish = true), refused_by_the_broker);
    s25_a_refusal_that_v3_cannot_hear => play_with(with(|config| config.ask_publish = true), refused_unheard);
    s26_the_quota_is_free_at_pubcomp_v5 => play_v5(quota);
    s27_a_message_does_not_expire_after_pubrec_v5 => play_with(broker(), |desk| no_expiry_after_pubrec(desk));
    s28_unreleased_messages_beyond_the_receive_maximum_v5 =>
        play_with(with(|config| config.connection.receive_maximum = 3), |desk| flood(desk));
}

/// Each repetition gets its PUBREC, and the watcher one message. [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0)
fn repeated(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("watcher", version);
    broker.subscribes("watcher", "t", AtMostOnce);
    broker.joins("pub", version);
    broker.ask("pub", publish("t", "x").qos2(1), pubrec(1));
    broker.recv("watcher", publish("t", "x"));
    for _ in 0..2 {
        broker.ask("pub", publish("t", "x").qos2(1).dup(), pubrec(1));
    }
    broker.ask("pub", pubrel(1), pubcomp(1));
    // Released: the identifier stands for a new message.
    broker.ask("pub", publish("t", "y").qos2(1), pubrec(1));
    broker.recv("watcher", publish("t", "y"));
    broker.ask("pub", pubrel(1), pubcomp(1));
}

/// The session remembers what it has received. [MQTT-4.3.3-2] (3.1.1), [MQTT-4.3.3-10] (5.0)
fn over_a_cut(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("watcher", version);
    broker.subscribes("watcher", "t", AtMostOnce);
    broker.starts("pub", version);
    broker.ask("pub", publish("t", "x").qos2(1), pubrec(1));
    broker.recv("watcher", publish("t", "x"));
    broker.cut("pub");
    broker.resumes("pub", version);
    broker.ask("pub", publish("t", "x").qos2(1).dup(), pubrec(1));
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.silence(millis(100));
}

/// Identifier 1 is used by the broker towards the client, and by the client towards the broker: two exchanges.
fn both_directions(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.subscribes("c", "to/c", ExactlyOnce);
    broker.joins("watcher", version);
    broker.subscribes("watcher", "from/c", AtMostOnce);
    broker.ask("watcher", publish("to/c", "x").qos2(5), pubrec(5));
    broker.recv("c", publish("to/c", "x").qos2(1));
    broker.ask("watcher", pubrel(5), pubcomp(5));
    broker.ask("c", pubrec(1), pubrel(1));
    broker.ask("c", publish("from/c", "y").qos2(1), pubrec(1));
    broker.recv("watcher", publish("from/c", "y"));
    broker.send("c", pubcomp(1));
    broker.ask("c", pubrel(1), pubcomp(1));
}

/// Nobody knows of it: PUBCOMP, so that the client can finish. In 5.0 it says so. [MQTT-4.3.3-11] (5.0)
fn unknown_pubrel(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.ask("c", pubrel(9), pubcomp(9).reason(R::PacketIdentifierNotFound));
    broker.ask("c", pingreq(), pingresp());
}

/// An unknown PUBREC gets its PUBREL; an unknown PUBACK or PUBCOMP waits for nothing. The connection stays.
fn unknown_acks(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.joins("c", version);
    broker.ask("c", pubrec(9), pubrel(9).reason(R::PacketIdentifierNotFound));
    broker.send("c", pubcomp(9));
    broker.send("c", puback(9));
    broker.ask("c", pingreq(), pingresp());
}

/// An error ends the exchange: no PUBREL, and the quota of 1 is free for the next message.
/// [MQTT-4.4.0-2] [MQTT-4.9.0-2] (5.0)
fn refused_by_the_subscriber(broker: &mut dyn BrokerStage) {
    broker.knocks("sub", V5, connect("sub").with(Property::ReceiveMaximum(1)), accepted(false));
    broker.subscribes("sub", "t", ExactlyOnce);
    broker.joins("pub", V5);
    for number in 1..=2 {
        broker.ask("pub", publish("t", number.to_string()).qos2(number), pubrec(number));
        broker.ask("pub", pubrel(number), pubcomp(number));
    }
    broker.recv("sub", publish("t", "1").qos2(1));
    broker.silence(millis(100));
    broker.send("sub", pubrec(1).reason(R::QuotaExceeded));
    broker.recv("sub", publish("t", "2").qos2(2));
    broker.ask("sub", pubrec(2), pubrel(2));
    broker.send("sub", pubcomp(2));
}

/// The program refuses: PUBREC says so, and the identifier stands for a new message. [MQTT-4.3.3-9] (5.0)
fn refused_by_the_broker(broker: &mut BrokerDesk) {
    broker.joins("pub", V5);
    broker.subscribes("pub", "t", AtMostOnce);
    broker.send("pub", publish("t", "no").qos2(1));
    broker.answer(Answer::Refuse(R::NotAuthorized));
    broker.recv("pub", pubrec(1).reason(R::NotAuthorized));
    broker.send("pub", publish("t", "yes").qos2(1));
    broker.answer(Answer::Allow);
    broker.recv("pub", pubrec(1));
    broker.recv("pub", publish("t", "yes"));
    broker.ask("pub", pubrel(1), pubcomp(1));
}

/// 3.1.1 has no refusal: the message is dropped, and the exchange goes on as usual. [MQTT-3.3.5-2] (3.1.1)
fn refused_unheard(broker: &mut BrokerDesk) {
    broker.joins("pub", V3);
    broker.subscribes("pub", "t", AtMostOnce);
    broker.send("pub", publish("t", "no").qos2(1));
    broker.answer(Answer::Refuse(R::NotAuthorized));
    broker.recv("pub", pubrec(1));
    broker.ask("pub", pubrel(1), pubcomp(1));
}

/// With a Receive Maximum of 1 the second message waits beyond PUBREC, until PUBCOMP. [MQTT-4.9.0-2] (5.0)
fn quota(broker: &mut dyn BrokerStage) {
    broker.knocks("sub", V5, connect("sub").with(Property::ReceiveMaximum(1)), accepted(false));
    broker.subscribes("sub", "t", ExactlyOnce);
    broker.joins("pub", V5);
    for number in 1..=2 {
        broker.ask("pub", publish("t", number.to_string()).qos2(number), pubrec(number));
        broker.ask("pub", pubrel(number), pubcomp(number));
    }
    broker.recv("sub", publish("t", "1").qos2(1));
    broker.ask("sub", pubrec(1), pubrel(1));
    // A second PUBREC brings the PUBREL again, and no quota.
    broker.ask("sub", pubrec(1), pubrel(1));
    broker.silence(millis(100));
    broker.send("sub", pubcomp(1));
    broker.recv("sub", publish("t", "2").qos2(2));
    broker.ask("sub", pubrec(2), pubrel(2));
    broker.send("sub", pubcomp(2));
}

/// The second is over, but the message was received: its exchange goes on. [MQTT-4.3.3-7] [MQTT-4.3.3-13] (5.0)
fn no_expiry_after_pubrec(broker: &mut dyn BrokerStage) {
    broker.starts("sub", V5);
    broker.subscribes("sub", "t", ExactlyOnce);
    broker.joins("pub", V5);
    let expires = Property::MessageExpiryInterval(1);
    broker.ask("pub", publish("t", "x").qos2(1).with(expires), pubrec(1));
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.recv("sub", publish("t", "x").qos2(1).with(expires));
    broker.ask("sub", pubrec(1), pubrel(1));
    broker.cut("sub");
    broker.silence(seconds(2));
    broker.knocks("sub", V5, durable("sub"), accepted(true));
    broker.recv("sub", pubrel(1));
    broker.send("sub", pubcomp(1));
    broker.silence(millis(100));
}

/// Three may be unreleased, the fourth ends the connection; what was received stays received. [MQTT-3.3.4-7] (5.0)
fn flood(broker: &mut dyn BrokerStage) {
    let accepted = |session_present| {
        connack(session_present)
            .with(Property::ReceiveMaximum(3))
            .with(Property::MaximumPacketSize(1 << 20))
            .with(Property::TopicAliasMaximum(16))
    };
    broker.knocks("pub", V5, durable("pub"), accepted(false));
    broker.subscribes("pub", "t", AtMostOnce);
    for id in 1..=3 {
        broker.ask("pub", publish("t", id.to_string()).qos2(id), pubrec(id));
        broker.recv("pub", publish("t", id.to_string()));
    }
    broker.ask("pub", publish("t", "4").qos2(4), disconnect(R::ReceiveMaximumExceeded));
    broker.ends("pub");
    broker.knocks("pub", V5, durable("pub"), accepted(true));
    broker.ask("pub", pubrel(1), pubcomp(1));
    broker.ask("pub", publish("t", "2").qos2(2).dup(), pubrec(2));
    broker.ask("pub", pubrel(2), pubcomp(2));
    broker.ask("pub", pubrel(3), pubcomp(3));
}
