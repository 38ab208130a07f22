//! Debian's mosquitto_pub and mosquitto_sub on the broker.
//!
//! A test whose program is missing says so and passes; with `MQTT_REQUIRE_PEERS` in the environment it fails.

use std::process::Command;

use mqtt_engine::QoS;

use super::{
    foreign::have,
    process::Process,
    support::{World, config, received, subscribed},
};
use crate::adapter::run;

/// mosquitto_pub publishes, mosquitto_sub and our client hear it.
#[test]
fn mosquitto_clients_on_the_broker() {
    if !(have("mosquitto_pub") && have("mosquitto_sub")) {
        return;
    }
    run(async {
        let world = World::new().await;
        let port = world.address.rsplit_once(':').unwrap().1.to_owned();
        let mut witness = world.client(config("witness"));
        subscribed(&mut witness, "news", QoS::ExactlyOnce).await;
        for version in ["mqttv311", "mqttv5"] {
            let foreign = |program: &str, arguments: &[&str]| {
                let mut command = Command::new(program);
                command.args(["-h", "127.0.0.1", "-p", &port, "-V", version]).args(arguments);
                Process::start(&mut command)
            };
            // A retained message, which comes behind the SUBACK, tells that the subscription holds.
            foreign("mosquitto_pub", &["-t", "ready", "-m", "ready", "-r", "-q", "1"])
                .finish()
                .expect_success();
            let arguments = ["-t", "ready", "-t", "news", "-q", "2", "-F", "%t %q %r %p", "-C", "4"];
            let mut hearing = foreign("mosquitto_sub", &arguments);
            assert_eq!(hearing.next_line(), "ready 1 1 ready");
            for qos in ["0", "1", "2"] {
                let arguments = ["-t", "news", "-m", version, "-q", qos];
                foreign("mosquitto_pub", &arguments).finish().expect_success();
                assert_eq!(hearing.next_line(), format!("news {qos} 0 {version}"));
                assert_eq!(received(&mut witness, 1).await, [version]);
            }
            hearing.finish().expect_success();
        }
    });
}
