//! Messages and sessions that are of no use any more.

use mqtt_engine::{
    QoS::{AtLeastOnce, AtMostOnce},
    packet::{Property, ProtocolVersion, ReasonCode as R},
};
use mqtt_engine_diary::script::{
    BrokerDesk, BrokerStage, Said, connack, connect, disconnect, puback, publish,
};

use super::{Steps as _, play_v5, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, accepted, broker, durable, millis, seconds},
};

diaries! { "broker";
    s63_a_message_that_waits_expires_sooner_v5 => play_with(broker(), |desk| queued(desk));
    s63_an_expired_message_is_never_sent_v5 => play_with(broker(), |desk| expired(desk));
    s63_a_retained_message_expires_v5 => play_with(broker(), retained);
    s63_a_v3_subscriber_never_hears_of_the_expiry => play_with(broker(), other_version);
    s69_a_session_ends_when_its_expiry_is_over_v3 =>
        play_with(with(|config| config.connection.session_expiry_maximum = 100), |desk| session(desk, V3));
    s69_a_session_ends_when_its_expiry_is_over_v5 => play_with(broker(), |desk| session(desk, V5));
    s69_a_longer_expiry_than_granted_is_told_v5 =>
        play_with(with(|config| config.connection.session_expiry_maximum = 50), granted_less);
    s69_disconnect_changes_the_expiry_v5 => play_with(broker(), changed);
    s69_disconnect_can_not_make_a_session_last_v5 => play_v5(raised_from_zero);
    s69_a_queue_for_an_absent_client_is_bounded_v3 =>
        play_with(with(|config| config.connection.queue_count = 2), |desk| bounded(desk, V3));
    s69_a_queue_for_an_absent_client_is_bounded_v5 =>
        play_with(with(|config| config.connection.queue_count = 2), |desk| bounded(desk, V5));
}

fn expiring(payload: &str, seconds: u32) -> Said {
    publish("t", payload).with(Property::MessageExpiryInterval(seconds))
}

fn begin(broker: &mut dyn BrokerStage, version: ProtocolVersion) {
    broker.starts("sub", version);
    broker.subscribes("sub", "t", AtLeastOnce);
    broker.joins("pub", version);
}

/// Ten seconds at once are ten; after four in the queue they are six, for the one that is sent again as well.
/// [MQTT-3.3.2-6] (5.0)
fn queued(broker: &mut dyn BrokerStage) {
    begin(broker, V5);
    broker.ask("pub", expiring("1", 10).qos1(1), puback(1));
    broker.recv("sub", expiring("1", 10).qos1(1));
    broker.cut("sub");
    broker.ask("pub", expiring("2", 10).qos1(2), puback(2));
    broker.silence(seconds(4));
    broker.resumes("sub", V5);
    broker.recv("sub", expiring("1", 6).qos1(1).dup());
    broker.recv("sub", expiring("2", 6).qos1(2));
    broker.send("sub", puback(1));
    broker.send("sub", puback(2));
}

/// The first waits too long, the second does not. [MQTT-3.3.2-5] (5.0)
fn expired(broker: &mut dyn BrokerStage) {
    begin(broker, V5);
    broker.cut("sub");
    broker.ask("pub", expiring("short", 2).qos1(1), puback(1));
    broker.ask("pub", expiring("long", 5).qos1(2), puback(2));
    broker.silence(seconds(2));
    broker.resumes("sub", V5);
    broker.recv("sub", expiring("long", 3).qos1(1));
    broker.send("sub", puback(1));
    broker.silence(millis(100));
}

/// A subscriber after three of ten seconds gets it with seven; after ten there is nothing left. [MQTT-3.3.2-6] (5.0)
fn retained(broker: &mut BrokerDesk) {
    broker.joins("pub", V5);
    broker.send("pub", expiring("x", 10).retain());
    broker.silence(seconds(3));
    broker.joins("early", V5);
    broker.subscribes("early", "t", AtMostOnce);
    broker.recv("early", expiring("x", 7).retain());
    broker.silence(seconds(7));
    broker.joins("late", V5);
    broker.subscribes("late", "t", AtMostOnce);
    broker.silence(millis(100));
}

/// It gets the message as long as there is time left, and later no more.
fn other_version(broker: &mut BrokerDesk) {
    broker.starts("sub", V3);
    broker.subscribes("sub", "t", AtLeastOnce);
    broker.joins("pub", V5);
    broker.cut("sub");
    broker.ask("pub", expiring("short", 1).qos1(1), puback(1));
    broker.ask("pub", expiring("long", 9).qos1(2), puback(2));
    broker.silence(seconds(1));
    broker.resumes("sub", V3);
    broker.recv("sub", publish("t", "long").qos1(1));
    broker.send("sub", puback(1));
}

/// A hundred seconds after the cut the session is gone with its subscription and its queue; a little earlier it is not.
/// [MQTT-3.1.2-23] [MQTT-4.1.0-2] (5.0)
fn session(broker: &mut BrokerDesk, version: ProtocolVersion) {
    begin(broker, version);
    broker.cut("sub");
    broker.silence(millis(99_999));
    broker.resumes("sub", version);
    broker.cut("sub");
    broker.ask("pub", publish("t", "x").qos1(1), puback(1));
    broker.silence(seconds(100));
    broker.ask("pub", publish("t", "y").qos1(2), puback(2).reason(R::NoMatchingSubscribers));
    broker.starts("sub", version);
}

/// The client asks for 100 seconds, and is told that it gets 50 (5.0 section 3.2.2.3.2).
fn granted_less(broker: &mut BrokerDesk) {
    let told = |session_present| {
        connack(session_present)
            .with(Property::SessionExpiryInterval(50))
            .with(Property::ReceiveMaximum(64))
            .with(Property::MaximumPacketSize(1 << 20))
            .with(Property::TopicAliasMaximum(16))
    };
    broker.knocks("c", V5, durable("c"), told(false));
    broker.cut("c");
    broker.silence(millis(49_999));
    broker.knocks("c", V5, durable("c"), told(true));
    broker.cut("c");
    broker.silence(seconds(50));
    broker.knocks("c", V5, durable("c"), told(false));
}

/// 100 seconds become 1 with the DISCONNECT (5.0 section 3.14.2.2.2).
fn changed(broker: &mut BrokerDesk) {
    broker.starts("c", V5);
    broker.send("c", disconnect(R::Success).with(Property::SessionExpiryInterval(1)));
    broker.ends("c");
    broker.silence(seconds(1));
    broker.starts("c", V5);
}

/// CONNECT said that the session ends with the connection: DISCONNECT must not say anything else (5.0 section 3.14.2.2.2).
fn raised_from_zero(broker: &mut dyn BrokerStage) {
    broker.knocks("c", V5, connect("c"), accepted(false));
    let answer = disconnect(R::ProtocolError);
    broker.ask("c", disconnect(R::Success).with(Property::SessionExpiryInterval(1)), answer);
    broker.ends("c");
}

/// Two messages find room; the third is dropped, and the program is told.
fn bounded(broker: &mut BrokerDesk, version: ProtocolVersion) {
    begin(broker, version);
    broker.cut("sub");
    for number in 1..=3 {
        broker.ask("pub", publish("t", number.to_string()).qos1(number), puback(number));
    }
    broker.resumes("sub", version);
    for number in 1..=2 {
        broker.recv("sub", publish("t", number.to_string()).qos1(number));
        broker.send("sub", puback(number));
    }
    broker.silence(millis(100));
}
