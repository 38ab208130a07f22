//! `rumqttc`: the state of a client, which answers incoming messages as a server would.

use bytes::BytesMut;
use mqtt_engine::{QoS, packet::ProtocolVersion};

use super::{PAYLOAD, Pair, TOPIC, Tally};

/// A pair of one of its modules, which have the same names for different types.
macro_rules! pair {
    ($name:ident speaks $version:ident, { $($import:tt)* }, $publish:expr, $limit:expr) => {
        #[allow(non_snake_case, reason = "named for the version")]
        mod $version {
            use super::*;
            $($import)*

            pub(crate) struct $name {
                client: MqttState,
                server: MqttState,
                publish: Publish,
                there: BytesMut,
                back: BytesMut,
            }

            impl Pair for $name {
                const NAME: &'static str = "rumqttc";

                fn connected(version: ProtocolVersion) -> Option<Self> {
                    let state = || MqttState::new(100, false);
                    let (there, back) = (BytesMut::new(), BytesMut::new());
                    let pair = Self { client: state(), server: state(), publish: $publish, there, back };
                    (version == ProtocolVersion::$version).then_some(pair)
                }

                fn exchange(&mut self, count: usize, qos: QoS) -> Tally {
                    let mut tally = Tally::default();
                    for _ in 0..count {
                        let mut publish = self.publish.clone();
                        publish.qos = [Level::AtMostOnce, Level::AtLeastOnce, Level::ExactlyOnce][qos as usize];
                        let packet = self.client.handle_outgoing_packet(Request::Publish(publish));
                        let packet = packet.expect("room for a message").expect("something to send");
                        packet.write(&mut self.there, $limit).expect("a packet that can be sent");
                    }
                    while !self.there.is_empty() {
                        Self::travel(&mut self.there, &mut self.server, &mut self.back, &mut tally);
                        Self::travel(&mut self.back, &mut self.client, &mut self.there, &mut tally);
                    }
                    tally
                }
            }

            impl $name {
                fn travel(
                    bytes: &mut BytesMut,
                    receiver: &mut MqttState,
                    answers: &mut BytesMut,
                    tally: &mut Tally,
                ) {
                    while !bytes.is_empty() {
                        let packet = Packet::read(bytes, $limit).expect("a whole packet");
                        let answer = receiver.handle_incoming_packet(packet).expect("it is expected");
                        if let Some(packet) = answer {
                            packet.write(answers, $limit).expect("a packet that can be sent");
                        }
                    }
                    while let Some(event) = receiver.events.pop_front() {
                        if let Event::Incoming(Packet::Publish(publish)) = event {
                            tally.delivered(&publish.payload);
                        } else if let Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_)) = event {
                            tally.finished += 1;
                        }
                    }
                }
            }
        }
        pub(crate) use $version::$name;
    };
}

pair!(
    Rumqttc4 speaks V3_1_1,
    { use rumqttc::{Event, MqttState, Packet, Publish, QoS as Level, Request}; },
    Publish::from_bytes(TOPIC, Level::AtMostOnce, PAYLOAD.to_vec().into()),
    usize::MAX
);
pair!(
    Rumqttc5 speaks V5,
    { use rumqttc::v5::{
        Event, MqttState, Request,
        mqttbytes::{QoS as Level, v5::{Packet, Publish}},
    }; },
    Publish::new(TOPIC, Level::AtMostOnce, PAYLOAD.to_vec(), None),
    None
);
