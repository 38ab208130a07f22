//! Writes the picture in the README, `snapshots/qos2-resume.svg`: `cargo run -p mqtt-engine-diary --example picture`.

use core::error::Error;
use std::{fs, path::Path};

use mqtt_engine::{BrokerConfig, ClientConfig, Message, QoS, Text, packet::ProtocolVersion};
use mqtt_engine_diary::{Ladder, script::Pair};

/// A QoS 2 message, and a connection that is cut after PUBREC: the next one goes on with PUBREL.
pub(crate) fn qos2_resume() -> Result<Ladder, Box<dyn Error>> {
    let mut config = ClientConfig::new(Text::try_from("lamp")?);
    config.version = ProtocolVersion::V3_1_1;
    config.clean_start = false;

    let mut pair = Pair::new(BrokerConfig::new());
    pair.client("lamp", config);
    pair.publish("lamp", Message::new("led", "on")?.with_qos(QoS::ExactlyOnce));
    pair.cut_after("lamp", 4);
    Ok(pair.finish().ladder("lamp", "broker"))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("qos2-resume.svg");
    let ladder = qos2_resume()?;
    fs::write(&path, ladder.svg())?;
    println!("{ladder}\n{}", path.display());
    Ok(())
}
