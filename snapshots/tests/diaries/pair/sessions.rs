//! Sessions that outlive connections, seen from both sides.

use mqtt_engine::{Acknowledgement, Disconnect, QoS, Reconnect, Will, packet::ProtocolVersion};
use mqtt_engine_diary::{Diary, script::Pair};

use crate::{
    diaries,
    vocabulary::{QOS, V3, V5, broker, client, message, seconds, subscribe_to},
};

diaries! { "pair";
    s03_a_qos2_resume_sends_pubrel_not_publish_v3 => qos2_resume(V3);
    s03_a_qos2_resume_sends_pubrel_not_publish_v5 => qos2_resume(V5);
    s60_a_new_client_takes_the_session_over_v3 => takeover(V3);
    s60_a_new_client_takes_the_session_over_v5 => takeover(V5);
    messages_wait_for_a_client_that_is_away_v3 => queued(V3);
    messages_wait_for_a_client_that_is_away_v5 => queued(V5);
    s62_the_last_words_of_a_client_that_dies_v3 => dies(V3);
    s62_the_last_words_of_a_client_that_dies_v5 => dies(V5);
    s62_no_last_words_after_a_good_bye_v3 => says_good_bye(V3);
    s62_no_last_words_after_a_good_bye_v5 => says_good_bye(V5);
    s62_delayed_last_words_of_a_client_that_stays_away_v5 => delayed(31);
    s62_no_delayed_last_words_of_a_client_that_comes_back_v5 => delayed(29);
}

/// The network is cut after PUBREC: what is unfinished is the PUBREL. [MQTT-4.4.0-1] (both versions)
fn qos2_resume(version: ProtocolVersion) -> Diary {
    let mut pair = Pair::new(broker());
    pair.client("lamp", client("lamp", version));
    pair.publish("lamp", message("led", "on", QoS::ExactlyOnce));
    pair.cut_after("lamp", 4);
    pair.run();
    assert_eq!(pair.diary().events("lamp").filter(|event| event.starts_with("Published")).count(), 1);
    let publishes = pair.diary().packets().filter(|(_, seen)| seen.words.starts_with("PUBLISH"));
    assert_eq!(publishes.count(), 1, "{}", pair.diary());
    pair.finish()
}

/// The same client identifier on a second connection ends the first one, which 5.0 tells; a message that the first one has not
/// acknowledged moves with the session, and is sent again with the DUP flag. [MQTT-3.1.4-2] (3.1.1) [MQTT-3.1.4-3] (5.0)
fn takeover(version: ProtocolVersion) -> Diary {
    let mut old = client("lamp", version);
    old.acknowledgement = Acknowledgement::Manual;
    // In 3.1.1 it would not know why it was cut off, and would take the session back.
    old.reconnect = Reconnect::Never;
    let mut pair = Pair::new(broker());
    pair.client("old", old);
    pair.subscribe("old", subscribe_to("led", QoS::AtLeastOnce));
    pair.client("switch", client("switch", version));
    pair.publish("switch", message("led", "on", QoS::AtLeastOnce));
    pair.run();
    pair.note("another device with the same client identifier");
    pair.client("new", client("lamp", version));
    pair.run();
    assert_eq!([received(&pair, "old"), received(&pair, "new")], [1, 1], "{}", pair.diary());
    pair.finish()
}

/// While a client is away, its session collects QoS 1 and 2, in order; QoS 0 is not kept.
fn queued(version: ProtocolVersion) -> Diary {
    let mut pair = Pair::new(broker());
    pair.client("lamp", client("lamp", version));
    pair.subscribe("lamp", subscribe_to("led/#", QoS::ExactlyOnce));
    pair.client("switch", client("switch", version));
    pair.run();
    pair.goes_away("lamp");
    for qos in QOS {
        pair.publish("switch", message("led/1", &format!("with QoS {}", qos as u8), qos));
    }
    pair.run();
    pair.note("the lamp comes back");
    pair.comes_back("lamp");
    pair.run();
    assert_eq!(received(&pair, "lamp"), 2, "{}", pair.diary());
    pair.finish()
}

/// The connection of a client with a will is cut. [MQTT-3.1.2-8] (both versions)
fn dies(version: ProtocolVersion) -> Diary {
    let mut pair = with_last_words(version, 0);
    pair.goes_away("lamp");
    pair.run();
    assert_eq!(received(&pair, "watcher"), 1, "{}", pair.diary());
    pair.finish()
}

/// A client with a will says DISCONNECT. [MQTT-3.1.2-10] (both versions)
fn says_good_bye(version: ProtocolVersion) -> Diary {
    let mut pair = with_last_words(version, 0);
    pair.disconnect("lamp", Disconnect::default());
    assert_eq!(received(&pair, "watcher"), 0, "{}", pair.diary());
    pair.finish()
}

/// The will is due 30 s after the cut, unless the client is back before. [MQTT-3.1.3-9] (5.0)
fn delayed(away: u64) -> Diary {
    let mut pair = with_last_words(V5, 30);
    pair.goes_away("lamp");
    pair.advance(seconds(away));
    pair.comes_back("lamp");
    pair.advance(seconds(40 - away));
    assert_eq!(received(&pair, "watcher"), usize::from(away > 30), "{}", pair.diary());
    pair.finish()
}

fn with_last_words(version: ProtocolVersion, delay: u64) -> Pair {
    let mut lamp = client("lamp", version);
    lamp.will = Some(Will::new(message("lamp/state", "dead", QoS::AtLeastOnce)).with_delay(seconds(delay)));
    let mut pair = Pair::new(broker());
    pair.client("watcher", client("watcher", version));
    pair.subscribe("watcher", subscribe_to("lamp/#", QoS::AtLeastOnce));
    pair.client("lamp", lamp);
    pair.run();
    pair
}

fn received(pair: &Pair, name: &str) -> usize {
    pair.diary().events(name).filter(|event| event.starts_with("Received")).count()
}
