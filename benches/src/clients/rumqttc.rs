//! `rumqttc`, used as its documentation shows: a task publishes, and another one drives the event loop.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use mqtt_engine::packet::ProtocolVersion;

use super::{Meter, PAYLOAD, TOPIC, WINDOW};

pub(super) fn publish(
    address: SocketAddr,
    version: ProtocolVersion,
    meter: &mut Meter,
) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if version == ProtocolVersion::V5 {
            v5::publish_all(address, meter).await
        } else {
            v4::publish_all(address, meter).await
        }
    })
}

/// What the two tasks know of each other.
#[derive(Debug, Default)]
struct State {
    is_over: AtomicBool,
    published: AtomicUsize,
}

/// A client of one of its modules, which have the same names for different types.
macro_rules! client {
    ($name:ident, $set_window:ident, { $($import:tt)* }) => {
        mod $name {
            use super::*;
            $($import)*

            pub(super) async fn publish_all(
                address: SocketAddr,
                meter: &mut Meter,
            ) -> Result<(), Box<dyn Error>> {
                let mut options = MqttOptions::new("client", address.ip().to_string(), address.port());
                options.$set_window(u16::try_from(WINDOW)?);
                let (client, mut events) = AsyncClient::new(options, WINDOW);
                let state = Arc::new(State::default());
                let publisher = tokio::spawn(publish_until_it_is_over(client, Arc::clone(&state)));
                let mut acknowledged = 0;
                // Whenever it is over, the publisher is waiting for room: one message is yet to go out, and to wake this loop up.
                while !publisher.is_finished() || acknowledged < state.published.load(Ordering::Relaxed) {
                    if let Event::Incoming(Incoming::PubAck(_)) = events.poll().await? {
                        acknowledged += 1;
                        state.is_over.store(!meter.acknowledged(1), Ordering::Relaxed);
                    }
                }
                publisher.await??;
                Ok(())
            }

            /// Gives the client back, without which the event loop would end.
            async fn publish_until_it_is_over(
                client: AsyncClient,
                state: Arc<State>,
            ) -> Result<AsyncClient, ClientError> {
                let payload = Bytes::from_static(&PAYLOAD);
                while !state.is_over.load(Ordering::Relaxed) {
                    client.publish_bytes(TOPIC, QoS::AtLeastOnce, false, payload.clone()).await?;
                    state.published.fetch_add(1, Ordering::Relaxed);
                }
                Ok(client)
            }
        }
    };
}

client!(v4, set_inflight, {
    use rumqttc::{AsyncClient, ClientError, Event, Incoming, MqttOptions, QoS};
});
client!(v5, set_outgoing_inflight_upper_limit, {
    use rumqttc::v5::{AsyncClient, ClientError, Event, Incoming, MqttOptions, mqttbytes::QoS};
});
