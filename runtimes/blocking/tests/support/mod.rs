//! The broker machine on TCP, in one thread that looks at every connection in turn.

use core::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use bytes::Buf;
use mqtt_engine::{Broker, BrokerConfig, ConnectionId, Statistics, Timestamp, Transport};

pub(crate) struct TestBroker {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Statistics>>,
}

impl TestBroker {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || serve(&listener, &stopped));
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn stop(mut self) -> Statistics {
        self.end().expect("the broker's thread has not panicked")
    }

    fn end(&mut self) -> Option<Statistics> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn serve(listener: &TcpListener, stop: &AtomicBool) -> Statistics {
    let epoch = Instant::now();
    let now = || Timestamp::ZERO + epoch.elapsed();
    let mut broker = Broker::new(BrokerConfig::new(), now());
    let mut streams: Vec<(ConnectionId, TcpStream)> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push((broker.accept(now()).unwrap(), stream));
        }
        if broker.deadline().is_some_and(|deadline| deadline <= now()) {
            broker.handle_timeout(now());
        }
        let mut moved = false;
        streams.retain_mut(|(id, stream)| match turn(&mut broker, *id, stream, now()) {
            Ok(progress) => {
                moved |= progress;
                true
            }
            Err(_) => {
                broker.transport_closed(*id, now());
                false
            }
        });
        while broker.poll_event().is_some() {}
        if !moved {
            thread::sleep(Duration::from_micros(200));
        }
    }
    broker.statistics()
}

/// Reads and writes what goes without waiting; an error ends the connection.
fn turn(broker: &mut Broker, id: ConnectionId, stream: &mut TcpStream, now: Timestamp) -> io::Result<bool> {
    let mut moved = false;
    let mut buffer = [0; 4096];
    if broker.wants_input(id) {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                let mut input = &buffer[..count];
                broker.receive(id, &mut input, now);
                assert!(
                    input.is_empty() || !broker.wants_input(id),
                    "all is taken, unless the machine pauses"
                );
                moved = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    while let Some(outbox) = broker.outbox(id).filter(|outbox| outbox.has_remaining()) {
        match stream.write(outbox.chunk()) {
            Ok(count) => {
                outbox.advance(count);
                moved = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(moved),
            Err(error) => return Err(error),
        }
    }
    if broker.transport(id) == Transport::Keep { Ok(moved) } else { Err(ErrorKind::ConnectionAborted.into()) }
}
