//! The engine's client on each runtime.

use std::{error::Error, net::SocketAddr, time::Duration};

use mqtt_engine::{
    ClientConfig, ClientEvent, Message, PublishOutcome, QoS, Text,
    packet::{ProtocolVersion, ReasonCode},
};
use mqtt_engine_driver::{Client, Streams};

use super::{Meter, PAYLOAD, TOPIC, WINDOW};

pub(super) fn on_tokio(
    address: SocketAddr,
    version: ProtocolVersion,
    meter: &mut Meter,
) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = mqtt_engine_tokio::Client::new(address.to_string(), config(version)?);
    runtime.block_on(publish_all(client, meter))
}

pub(super) fn on_smol(
    address: SocketAddr,
    version: ProtocolVersion,
    meter: &mut Meter,
) -> Result<(), Box<dyn Error>> {
    let client = mqtt_engine_smol::Client::new(address.to_string(), config(version)?);
    async_io::block_on(publish_all(client, meter))
}

pub(super) fn blocking(
    address: SocketAddr,
    version: ProtocolVersion,
    meter: &mut Meter,
) -> Result<(), Box<dyn Error>> {
    let mut client = mqtt_engine_blocking::Client::new(address.to_string(), config(version)?);
    let mut window = Window { under_way: 0, meter };
    let message = message()?;
    loop {
        let Some(event) = client.next_event(Duration::from_secs(10))? else {
            return Err("nothing happens".into());
        };
        let Some(count) = window.after(&event)? else { return Ok(()) };
        for _ in 0..count {
            client.publish(message.clone())?;
        }
    }
}

async fn publish_all<R: Streams<S>, S>(
    mut client: Client<R, S>,
    meter: &mut Meter,
) -> Result<(), Box<dyn Error>> {
    let mut window = Window { under_way: 0, meter };
    let message = message()?;
    while let Some(event) = client.next_event().await {
        let Some(count) = window.after(&event)? else { return Ok(()) };
        for _ in 0..count {
            client.publish(message.clone())?;
        }
    }
    Err("the client has ended".into())
}

fn config(version: ProtocolVersion) -> Result<ClientConfig, Box<dyn Error>> {
    let mut config = ClientConfig::new(Text::try_from("client")?);
    config.version = version;
    config.inflight_maximum = u16::try_from(WINDOW)?;
    Ok(config)
}

/// Topic and payload are shared by its clones.
fn message() -> Result<Message, Box<dyn Error>> {
    Ok(Message::new(TOPIC, PAYLOAD.to_vec())?.with_qos(QoS::AtLeastOnce))
}

/// What is under way.
struct Window<'a> {
    under_way: usize,
    meter: &'a mut Meter,
}

impl Window<'_> {
    /// How many messages are to be published after an event; `None` at the end.
    fn after(&mut self, event: &ClientEvent) -> Result<Option<usize>, Box<dyn Error>> {
        let count = if let ClientEvent::Connected(_) = event {
            WINDOW
        } else if let ClientEvent::Published { outcome, .. } = event
            && *outcome == (PublishOutcome::Acknowledged { reason: ReasonCode::Success })
        {
            self.under_way -= 1;
            usize::from(self.meter.acknowledged(1))
        } else {
            return Err(format!("unexpected: {event:?}").into());
        };
        self.under_way += count;
        Ok((self.under_way > 0).then_some(count))
    }
}
