//! The client needs no thread but the caller's: here its transport is a broker machine that no other thread can reach.
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

use core::{cell::RefCell, time::Duration};
use std::{
    io::{self, Read, Write},
    rc::Rc,
    time::Instant,
};

use bytes::Buf;
use mqtt_engine::{
    Broker, BrokerConfig, ClientConfig, ClientEvent, ConnectionId, Disconnect, Message, QoS, Subscribe, Text,
    Timestamp, TopicFilter, Transport,
};
use mqtt_engine_blocking::{Client, Stream};

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of a broker in this thread: `Rc` can't leave it.
struct Here {
    broker: Rc<RefCell<Broker>>,
    id: ConnectionId,
}

impl Read for Here {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut broker = self.broker.borrow_mut();
        let outbox = broker.outbox(self.id).filter(|outbox| outbox.has_remaining());
        if let Some(outbox) = outbox {
            let count = outbox.remaining().min(buffer.len());
            outbox.copy_to_slice(&mut buffer[..count]);
            return Ok(count);
        }
        if broker.transport(self.id) == Transport::Keep {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(0)
        }
    }
}

impl Write for Here {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let before = bytes.len();
        self.broker.borrow_mut().receive(self.id, &mut bytes, Timestamp::ZERO);
        Ok(before - bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Here {
    fn set_read_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn client_and_broker_talk_within_one_thread() {
    let broker = Rc::new(RefCell::new(Broker::new(BrokerConfig::new(), Timestamp::ZERO)));
    let connector = {
        let broker = Rc::clone(&broker);
        move |_| {
            let id = broker.borrow_mut().accept(Timestamp::ZERO).map_err(io::Error::other)?;
            Ok(Here { broker: Rc::clone(&broker), id })
        }
    };
    let mut client = Client::connect_with(connector, ClientConfig::new(Text::try_from("client").unwrap()));
    client.subscribe(Subscribe::new(TopicFilter::try_from("echo").unwrap(), QoS::ExactlyOnce)).unwrap();
    for number in 0..100 {
        let qos = QoS::from_u8(number % 3).unwrap();
        client.publish(Message::new("echo", number.to_string()).unwrap().with_qos(qos)).unwrap();
    }
    let (mut received, mut fates) = (0, 0);
    let began = Instant::now();
    while received < 100 || fates < 66 {
        assert!(began.elapsed() < PATIENCE, "{received} received, {fates} fates");
        match client.next_event(Duration::ZERO).unwrap() {
            Some(ClientEvent::Received { message, .. }) => {
                assert_eq!(message.payload, received.to_string());
                received += 1;
            }
            Some(ClientEvent::Published { .. }) => fates += 1,
            _ => {}
        }
    }
    assert!(client.disconnect(Disconnect::default(), PATIENCE).is_nothing());
    assert_eq!(broker.borrow().statistics().received, 100);
}
