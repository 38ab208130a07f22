//! A subscriber that reads more slowly than others write.

use mqtt_engine::{
    BrokerConfig,
    QoS::{AtLeastOnce, AtMostOnce},
    packet::ProtocolVersion,
};
use mqtt_engine_diary::script::{BrokerDesk, BrokerStage as _, Said, pingreq, pingresp, puback, publish};

use super::{Steps as _, play_with, with};
use crate::{
    diaries,
    vocabulary::{V3, V5, millis, seconds},
};

diaries! { "broker";
    s68_a_publisher_waits_for_a_slow_subscriber_v3 => play_with(with(tight), |desk| waits(desk, V3));
    s68_a_publisher_waits_for_a_slow_subscriber_v5 => play_with(with(tight), |desk| waits(desk, V5));
    s68_a_publisher_does_not_wait_for_a_stuck_subscriber_v3 => play_with(with(tight), |desk| stuck(desk, V3));
    s68_a_publisher_does_not_wait_for_a_stuck_subscriber_v5 => play_with(with(tight), |desk| stuck(desk, V5));
    s68_a_publisher_does_not_wait_for_who_left_v3 => play_with(with(tight), |desk| left(desk, V3));
    s68_a_publisher_does_not_wait_for_who_left_v5 => play_with(with(tight), |desk| left(desk, V5));
    s68_qos_0_is_dropped_first_v3 => play_with(with(tight), |desk| qos_0_first(desk, V3));
    s68_qos_0_is_dropped_first_v5 => play_with(with(tight), |desk| qos_0_first(desk, V5));
}

/// One message in flight at a time, and room for four that are not acknowledged.
fn tight(config: &mut BrokerConfig) {
    config.connection.inflight_maximum = 1;
    config.connection.queue_count = 4;
    config.subscriber_patience = seconds(1);
}

fn message(number: u16) -> Said {
    publish("t", number.to_string()).qos1(number)
}

/// A slow subscriber, a quick one, and a publisher whose first two messages are acknowledged at once.
fn begin(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.starts("slow", version);
    broker.subscribes("slow", "t", AtLeastOnce);
    broker.joins("quick", version);
    broker.subscribes("quick", "t", AtMostOnce);
    broker.joins("pub", version);
    for number in 1..=2 {
        broker.ask("pub", message(number), puback(number));
        broker.recv("quick", publish("t", number.to_string()));
    }
    broker.recv("slow", message(1));
}

/// More than half of the queue is full: PUBACK 3 waits until there is room again. The quick one has its copy at once, and
/// the publisher's other packets are answered.
fn waits(broker: &mut BrokerDesk, version: ProtocolVersion) {
    begin(broker, version);
    broker.send("pub", message(3));
    broker.recv("quick", publish("t", "3"));
    broker.silence(millis(500));
    broker.ask("pub", pingreq(), pingresp());
    broker.send("slow", puback(1));
    broker.recv("slow", message(2));
    broker.recv("pub", puback(3));
    broker.send("slow", puback(2));
    broker.recv("slow", message(3));
    broker.send("slow", puback(3));
}

/// After a second PUBACK 3 comes all the same, and from then on nobody waits. Message 5 finds no room.
fn stuck(broker: &mut BrokerDesk, version: ProtocolVersion) {
    begin(broker, version);
    broker.send("pub", message(3));
    broker.recv("quick", publish("t", "3"));
    broker.recv_after("pub", seconds(1), puback(3));
    for number in 4..=5 {
        broker.ask("pub", message(number), puback(number));
        broker.recv("quick", publish("t", number.to_string()));
    }
    for number in 1..=3 {
        broker.send("slow", puback(number));
        broker.recv("slow", message(number + 1));
    }
    broker.send("slow", puback(4));
    broker.silence(millis(100));
}

/// The slow one is cut: its messages wait for it, the publisher does not.
fn left(broker: &mut BrokerDesk, version: ProtocolVersion) {
    begin(broker, version);
    broker.send("pub", message(3));
    broker.recv("quick", publish("t", "3"));
    broker.cut("slow");
    broker.recv("pub", puback(3));
    broker.resumes("slow", version);
    broker.recv("slow", message(1).dup());
    for number in 1..=2 {
        broker.send("slow", puback(number));
        broker.recv("slow", message(number + 1));
    }
    broker.send("slow", puback(3));
}

/// Behind message 1 two of QoS 0 and one of QoS 1 wait, and the queue is full: the next of QoS 1 takes the place of the oldest
/// of QoS 0, a further one of QoS 0 is dropped itself. PUBACK 3 waits for room.
fn qos_0_first(broker: &mut BrokerDesk, version: ProtocolVersion) {
    broker.joins("slow", version);
    broker.subscribes("slow", "t", AtLeastOnce);
    broker.joins("pub", version);
    broker.ask("pub", message(1), puback(1));
    broker.recv("slow", message(1));
    broker.ask("pub", message(2), puback(2));
    broker.send("pub", publish("t", "first of QoS 0"));
    broker.send("pub", publish("t", "second of QoS 0"));
    broker.send("pub", message(3));
    broker.send("pub", publish("t", "third of QoS 0"));
    broker.send("slow", puback(1));
    broker.recv("slow", message(2));
    broker.recv("slow", publish("t", "second of QoS 0"));
    broker.recv("pub", puback(3));
    broker.silence(millis(100));
    broker.send("slow", puback(2));
    broker.recv("slow", message(3));
    broker.send("slow", puback(3));
}
