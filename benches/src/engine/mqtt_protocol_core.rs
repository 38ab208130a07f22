//! `mqtt-protocol-core`: a connection for each side. Its events carry packets, which the program turns into bytes.

use mqtt_engine::{QoS, packet::ProtocolVersion};
use mqtt_protocol_core::mqtt::{
    ArcPayload, Connection, IntoPayload, Version,
    common::Cursor,
    connection::{Event, Sendable},
    packet::{GenericPacketTrait, Packet, Qos, SessionExpiryInterval, v3_1_1, v5_0},
    result_code::{ConnectReasonCode, ConnectReturnCode},
    role::{Client, Server},
};

use super::{PAYLOAD, Pair, TOPIC, Tally};

pub(crate) struct MqttProtocolCore {
    client: Connection<Client>,
    server: Connection<Server>,
    version: ProtocolVersion,
    payload: ArcPayload,
    there: Vec<u8>,
    back: Vec<u8>,
}

impl Pair for MqttProtocolCore {
    const NAME: &'static str = "mqtt-protocol-core";

    fn connected(version: ProtocolVersion) -> Option<Self> {
        let spoken = if version == ProtocolVersion::V5 { Version::V5_0 } else { Version::V3_1_1 };
        let (mut client, mut server) = (Connection::new(spoken), Connection::new(spoken));
        client.set_auto_pub_response(true);
        server.set_auto_pub_response(true);
        let payload = PAYLOAD[..].into_payload();
        let (there, back) = (Vec::new(), Vec::new());
        let mut pair = Self { client, server, version, payload, there, back };
        pair.shake_hands();
        Some(pair)
    }

    fn exchange(&mut self, count: usize, qos: QoS) -> Tally {
        let mut tally = Tally::default();
        let level = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][qos as usize];
        for _ in 0..count {
            let id = (qos > QoS::AtMostOnce).then(|| self.client.acquire_packet_id().expect("one is free"));
            if self.version == ProtocolVersion::V5 {
                let publish = v5_0::Publish::builder().topic_name(TOPIC).expect("a topic");
                let publish = publish.qos(level).payload(self.payload.clone());
                let publish = if let Some(id) = id { publish.packet_id(id) } else { publish };
                self.send(publish.build().expect("a packet"));
            } else {
                let publish = v3_1_1::Publish::builder().topic_name(TOPIC).expect("a topic");
                let publish = publish.qos(level).payload(self.payload.clone());
                let publish = if let Some(id) = id { publish.packet_id(id) } else { publish };
                self.send(publish.build().expect("a packet"));
            }
        }
        self.travel(&mut tally);
        tally
    }
}

impl MqttProtocolCore {
    /// With a session that lasts: otherwise nothing is kept for being sent again.
    fn shake_hands(&mut self) {
        if self.version == ProtocolVersion::V5 {
            let expiry = SessionExpiryInterval::new(60).expect("seconds").into();
            let connect = v5_0::Connect::builder().client_id("client").expect("a text").props(vec![expiry]);
            self.send(connect.build().expect("a packet"));
            self.travel(&mut Tally::default());
            let connack = v5_0::Connack::builder().session_present(false);
            let connack = connack.reason_code(ConnectReasonCode::Success).build().expect("a packet");
            write(self.server.checked_send(connack), &mut self.back, &mut Tally::default());
        } else {
            let connect = v3_1_1::Connect::builder().client_id("client").expect("a text");
            self.send(connect.clean_session(false).build().expect("a packet"));
            self.travel(&mut Tally::default());
            let connack = v3_1_1::Connack::builder().session_present(false);
            let connack = connack.return_code(ConnectReturnCode::Accepted).build().expect("a packet");
            write(self.server.checked_send(connack), &mut self.back, &mut Tally::default());
        }
        self.travel(&mut Tally::default());
    }

    fn send(&mut self, packet: impl Sendable<Client, u16>) {
        write(self.client.checked_send(packet), &mut self.there, &mut Tally::default());
    }

    fn travel(&mut self, tally: &mut Tally) {
        while !self.there.is_empty() || !self.back.is_empty() {
            let mut bytes = Cursor::new(&*self.there);
            while !bytes.remaining_slice().is_empty() {
                write(self.server.recv(&mut bytes), &mut self.back, tally);
            }
            self.there.clear();
            let mut bytes = Cursor::new(&*self.back);
            while !bytes.remaining_slice().is_empty() {
                write(self.client.recv(&mut bytes), &mut self.there, tally);
            }
            self.back.clear();
        }
    }
}

/// Does what the events ask for.
fn write(events: Vec<Event>, out: &mut Vec<u8>, tally: &mut Tally) {
    for event in events {
        match event {
            Event::RequestSendPacket { packet, .. } => out.extend_from_slice(&packet.to_continuous_buffer()),
            Event::NotifyPacketReceived(Packet::V3_1_1Publish(publish)) => {
                tally.delivered(publish.payload().as_slice());
            }
            Event::NotifyPacketReceived(Packet::V5_0Publish(publish)) => {
                tally.delivered(publish.payload().as_slice());
            }
            Event::NotifyPacketIdReleased(_) => tally.finished += 1,
            Event::NotifyError(error) => panic!("unexpected: {error}"),
            Event::NotifyPacketReceived(_)
            | Event::RequestTimerReset { .. }
            | Event::RequestTimerCancel(_)
            | Event::RequestClose => {}
        }
    }
}
