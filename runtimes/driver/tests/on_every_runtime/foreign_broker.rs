//! The client on Debian's mosquitto.
//!
//! A test whose program is missing says so and passes; with `MQTT_REQUIRE_PEERS` in the environment it fails.

use mqtt_engine::{ClientEvent, Disconnect, PublishOutcome, QoS, packet::ProtocolVersion};

use super::{
    foreign::{have, mosquitto, mosquitto_on},
    support::{PATIENCE, config, message, received, subscribed, until},
};
use crate::adapter::{Client, run};

const VERSIONS: [(ProtocolVersion, &str); 2] =
    [(ProtocolVersion::V3_1_1, "mqttv311"), (ProtocolVersion::V5, "mqttv5")];

/// Every QoS in both directions, and a large message; what mosquitto logged is the witness.
#[test]
fn the_client_on_mosquitto() {
    if !have("mosquitto") {
        return;
    }
    let (mut log, port) = mosquitto("allow_anonymous true\n");
    run(async {
        for (version, name) in VERSIONS {
            let mut config = config(name);
            config.version = version;
            let mut client = Client::new(format!("127.0.0.1:{port}"), config);
            subscribed(&mut client, "echo", QoS::ExactlyOnce).await;
            for level in 0..3 {
                let qos = QoS::from_u8(level).unwrap();
                client.publish(message("echo", format!("{name} {level}"), qos)).unwrap();
                assert_eq!(received(&mut client, 1).await, [format!("{name} {level}")]);
                log.wait_for(&format!("Received PUBLISH from {name} (d0, q{level}, r0, "));
                log.wait_for(&format!("Sending PUBLISH to {name} (d0, q{level}, r0, "));
            }
            let large = "x".repeat(300_000);
            client.publish(message("echo", large.clone(), QoS::AtLeastOnce)).unwrap();
            assert_eq!(received(&mut client, 1).await, [large]);
            let remains = client.shut_down(Disconnect::default(), PATIENCE).await;
            assert!(remains.is_nothing(), "{remains:?}");
            log.wait_for(&format!("Received DISCONNECT from {name}"));
        }
    });
}

/// mosquitto goes while messages are on their way, and comes back: each has its fate all the same.
#[test]
fn the_client_comes_back_after_mosquitto_restarted() {
    if !have("mosquitto") {
        return;
    }
    let (first, port) = mosquitto("allow_anonymous true\n");
    run(async {
        let mut client = Client::new(format!("127.0.0.1:{port}"), config("client"));
        until(&mut client, |event| matches!(event, ClientEvent::Connected(_))).await;
        first.kill();
        until(&mut client, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
        let token = client.publish(message("a", "b", QoS::ExactlyOnce)).unwrap();
        let _second = mosquitto_on(port, "allow_anonymous true\n").unwrap();
        let events = until(&mut client, |event| matches!(event, ClientEvent::Published { .. })).await;
        let Some(ClientEvent::Published { token: published, outcome }) = events.last() else {
            unreachable!()
        };
        assert_eq!(*published, token);
        assert!(matches!(outcome, PublishOutcome::Acknowledged { .. }), "{outcome:?}");
    });
}
