//! A client and a server that sends anything.

use core::time::Duration;
use std::collections::BTreeSet;

use allocation_counter::measure;
use arbitrary::{Result, Unstructured};
use bytes::{Buf, Bytes};
use mqtt_engine::{
    Acknowledgement, Client, ClientEvent, DeliveryToken, Disconnect, PublishToken, QoS, ServerLimits,
    Subscribe, Timestamp, TopicFilter, Transport, Unsubscribe,
    framing::Framing,
    packet::{Packet, PacketType, ProtocolVersion, ReasonCode},
};

use crate::{
    VERSIONS,
    packets::{KINDS, with_packet},
    setting::{client_config, message},
    stream::packets_of,
};

/// More than the queues, the outbox and a packet of the client together may cost, events and bookkeeping included.
const MOST_MEMORY: usize = 256 << 10;

/// Whatever a server sends, and whenever the connection ends: the client writes packets that a server takes, never more
/// than its limits allow to be held, each message meets at most one fate, and no timer is due again at once.
pub fn client_against_bytes(bytes: &[u8]) {
    let mut failures = 0;
    let memory = measure(|| {
        // The bytes end with a step that is not whole.
        let _ = run(&mut Unstructured::new(bytes), &mut failures);
    });
    // Each failure that the driver tells is an event, which nobody may poll; the queue of events doubles when it grows.
    let most = MOST_MEMORY + 64 * bytes.len() + 3 * size_of::<ClientEvent>() * failures;
    assert!(memory.bytes_max <= most as u64, "{} bytes held, {most} allowed", memory.bytes_max);
}

fn run(choices: &mut Unstructured<'_>, failures: &mut usize) -> Result<()> {
    let version = *choices.choose(&VERSIONS)?;
    let mut config = client_config(version);
    if choices.arbitrary()? {
        config.acknowledgement = Acknowledgement::Manual;
    }
    config.clean_start = choices.arbitrary()?;
    let now = Timestamp::from_secs(1);
    let mut play = Play {
        client: Client::new(config, now),
        version,
        now,
        server: Framing::new(usize::MAX),
        has_heard_connect: false,
        limits: ServerLimits::default(),
        unsettled: BTreeSet::new(),
        failures,
        deliveries: Vec::new(),
    };
    while !choices.is_empty() {
        play.step(choices)?;
        play.check();
    }
    Ok(())
}

struct Play<'f> {
    client: Client,
    version: ProtocolVersion,
    now: Timestamp,
    /// Reads what the client writes.
    server: Framing,
    has_heard_connect: bool,
    limits: ServerLimits,
    /// Publishes without a fate.
    unsettled: BTreeSet<PublishToken>,
    /// How often the driver said that the transport is gone, or was not to be had.
    failures: &'f mut usize,
    /// Messages that may be acknowledged.
    deliveries: Vec<DeliveryToken>,
}

impl Play<'_> {
    fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=15)? {
            0..=4 => {
                let version = self.version;
                let packet = with_packet(&KINDS, version, choices, |packet| {
                    let mut bytes = Vec::new();
                    // An AUTH of 3.1.1 is no packet.
                    packet.encode(version, &mut bytes).map(|()| bytes).unwrap_or_default()
                })?;
                self.receive(&packet);
            }
            5 => {
                let length = usize::from(choices.arbitrary::<u8>()?).min(choices.len());
                self.receive(choices.bytes(length)?);
            }
            6 => {
                self.now = self.now + Duration::from_millis(choices.arbitrary::<u16>()?.into());
                self.client.handle_timeout(self.now);
            }
            7 => {
                self.now = self.client.deadline().unwrap_or(self.now).max(self.now);
                self.client.handle_timeout(self.now);
            }
            8 | 9 => self.open(),
            10 => {
                *self.failures += 1;
                self.client.transport_closed(self.now);
            }
            11 => self.publish(choices)?,
            12 => self.request(choices)?,
            13 => self.take_events(choices.arbitrary::<u8>()?.into()),
            14 => self.take_output(choices.arbitrary::<u8>()?.into()),
            _ => self.command(choices)?,
        }
        Ok(())
    }

    /// As an adapter does: everything while the client wants it, the rest is dropped.
    fn receive(&mut self, bytes: &[u8]) {
        let mut input = Bytes::copy_from_slice(bytes);
        self.client.receive(&mut input, self.now);
        if input.has_remaining() && self.client.wants_input() {
            panic!("it wants input, and has left {} bytes", input.remaining());
        }
    }

    fn open(&mut self) {
        if matches!(self.client.transport(), Transport::Open { .. }) {
            self.take_events(usize::MAX);
            self.server = Framing::new(usize::MAX);
            self.has_heard_connect = false;
            self.limits = ServerLimits::default();
        }
        self.client.transport_opened(self.now);
    }

    fn publish(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let qos = QoS::from_u8(choices.int_in_range(0..=2)?).unwrap_or_default();
        let mut message = message(choices.choose(&["a", "a/b", "$SYS/a"])?, qos);
        message.retain = choices.arbitrary()?;
        if choices.arbitrary()? {
            message.properties.message_expiry = Some(Duration::from_secs(choices.arbitrary::<u8>()?.into()));
        }
        if choices.arbitrary()? {
            message.payload = Bytes::from(vec![b'x'; choices.arbitrary::<u16>()?.into()]);
        }
        if let Ok(token) = self.client.publish(message, self.now)
            && qos > QoS::AtMostOnce
        {
            assert!(self.unsettled.insert(token), "a token was given twice");
        }
        Ok(())
    }

    fn request(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let filter = *choices.choose(&["a", "a/#", "+", "$share/g/a"])?;
        let filter = TopicFilter::try_from(filter).expect("a filter");
        if choices.arbitrary()? {
            let mut request = Subscribe::new(filter, QoS::ExactlyOnce);
            request.identifier = choices.arbitrary()?;
            let _ = self.client.subscribe(request, self.now);
        } else {
            let _ = self.client.unsubscribe(Unsubscribe::new([filter]), self.now);
        }
        Ok(())
    }

    fn command(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=4)? {
            0 => self.client.connect(self.now),
            1 => {
                let mut request = Disconnect::default();
                request.reason = ReasonCode::from_u8(choices.arbitrary()?).unwrap_or(ReasonCode::Success);
                request.session_expiry = choices.arbitrary()?;
                self.client.disconnect(request, self.now);
            }
            2 => self.client.authenticate(Some(Bytes::from_static(b"data")), self.now),
            3 => self.client.reauthenticate(None, self.now),
            _ => {
                if let Some(delivery) = self.deliveries.pop() {
                    let reason = ReasonCode::from_u8(choices.arbitrary()?).unwrap_or(ReasonCode::Success);
                    self.client.acknowledge(delivery, reason, self.now);
                }
            }
        }
        Ok(())
    }

    fn take_events(&mut self, most: usize) {
        for _ in 0..most {
            let Some(event) = self.client.poll_event() else { return };
            match event {
                ClientEvent::Connected(connected) => self.limits = connected.limits,
                ClientEvent::Received { token, .. } => {
                    self.deliveries.push(token);
                    self.deliveries.truncate(8);
                }
                ClientEvent::Published { token, .. } => {
                    assert!(self.unsettled.remove(&token), "a second fate, or one of no message");
                }
                _ => {}
            }
        }
    }

    /// Reads some of what the client writes, as its server.
    fn take_output(&mut self, most: usize) {
        let outbox = self.client.outbox();
        let mut output = outbox.copy_to_bytes(most.min(outbox.remaining()));
        let (packets, error) = packets_of(&mut self.server, &mut output);
        assert_eq!(error, None, "what the client writes is no stream of packets");
        for bytes in packets {
            let packet = Packet::decode(&bytes, self.version).expect("a packet that can be read");
            let kind = packet.packet_type();
            assert!(kind.is_sent_by_client(), "{packet} is for servers");
            assert_eq!(kind == PacketType::Connect, !self.has_heard_connect, "{packet}");
            self.has_heard_connect = true;
            // CONNECT was written when nobody knew the limits, even if it is taken after they are.
            let is_limited = kind != PacketType::Connect;
            let limit = self.limits.maximum_packet_size as usize;
            assert!(!is_limited || bytes.len() <= limit, "{packet} is too large");
        }
    }

    fn check(&mut self) {
        self.client.handle_timeout(self.now);
        assert!(
            self.client.deadline().is_none_or(|when| when > self.now),
            "{:?}",
            self.client.why_deadline()
        );
        if matches!(self.client.transport(), Transport::None | Transport::Open { .. }) {
            assert!(self.client.outbox().is_empty(), "bytes for nobody");
        }
        assert!(self.client.pending_publishes() <= self.client.config().queue_count);
    }
}
