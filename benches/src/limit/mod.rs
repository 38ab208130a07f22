//! A broker written by hand for these workloads, as little as sockets and MQTT allow: the practical limit of brokers, the raw relay
//! that latencies are compared with, and the server of the clients that are measured.
//!
//! One thread waits for all sockets, reads each once for many packets, and writes to each once for all that came meanwhile. It has
//! no sessions, retained messages, wills, users or limits. It trusts its clients to speak one version, to subscribe with the quality
//! of service that messages have, and to keep what is under way small.

mod broker;
mod connection;
mod routes;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsRawFd,
};

use mio::{Events, Interest, Poll, Token, event::Source, unix::SourceFd};

use self::broker::Broker;

const LISTENER: Token = Token(usize::MAX - 1);
const END: Token = Token(usize::MAX - 2);

/// Serves until the standard input ends, and prints how many messages were published.
pub(crate) fn run(address: SocketAddr) -> io::Result<()> {
    let input = io::stdin().as_raw_fd();
    println!("{}", serve(TcpListener::bind(address)?, &mut SourceFd(&input))?);
    Ok(())
}

/// Serves until `end` has something to read, or ends; tells how many messages were published.
pub(crate) fn serve(listener: TcpListener, end: &mut impl Source) -> io::Result<u64> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    listener.set_nonblocking(true)?;
    let mut listener = mio::net::TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry().register(end, END, Interest::READABLE)?;
    let mut broker = Broker::new(poll.registry().try_clone()?);
    loop {
        poll.poll(&mut events, broker.patience())?;
        for event in &events {
            match event.token() {
                END => return Ok(broker.published()),
                LISTENER => broker.accept(&listener)?,
                Token(number) => broker.ready(number, event),
            }
        }
        broker.turn();
    }
}

/// One that serves in a thread of the test.
#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::{Read, Write},
        net::{Ipv4Addr, TcpStream},
        thread::{self, JoinHandle},
        time::Duration,
    };

    use mio::unix::pipe;

    use super::*;

    pub(crate) struct Serving {
        pub(crate) address: SocketAddr,
        end: pipe::Sender,
        thread: JoinHandle<io::Result<u64>>,
    }

    impl Serving {
        pub(crate) fn start() -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = listener.local_addr().expect("it has one");
            let (end, mut ended) = pipe::new().expect("a pipe");
            let thread = thread::spawn(move || serve(listener, &mut ended));
            Self { address, end, thread }
        }

        /// How many messages were published.
        pub(crate) fn end(self) -> u64 {
            drop(self.end);
            self.thread.join().expect("it does not panic").expect("it serves")
        }
    }

    /// Sends one piece and waits for the answer.
    fn talk(stream: &mut TcpStream, says: &[u8], hears: &[u8]) {
        stream.write_all(says).expect("it listens");
        let mut heard = vec![0; hears.len()];
        stream.read_exact(&mut heard).expect("it answers");
        assert_eq!(heard, hears);
    }

    fn connected(serving: &Serving, version: u8) -> TcpStream {
        let mut stream = TcpStream::connect(serving.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        // With a property: Session Expiry Interval.
        let [connect, connack] = if version == 5 {
            [
                &[0x10, 18, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 5, 0x11, 0, 0, 0, 9, 0, 0][..],
                &[0x20, 3, 0, 0, 0],
            ]
        } else {
            [&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0][..], &[0x20, 2, 0, 0]]
        };
        talk(&mut stream, connect, connack);
        stream
    }

    #[test]
    fn messages_go_where_filters_say_with_identifiers_of_their_own() {
        let serving = Serving::start();
        let mut subscriber = connected(&serving, 4);
        let subscribe = [0x82, 14, 0, 7, 0, 3, b'a', b'/', b'+', 1, 0, 3, b'b', b'/', b'c', 1];
        talk(&mut subscriber, &subscribe, &[0x90, 4, 0, 7, 1, 1]);
        let mut publisher = connected(&serving, 4);
        let publish = |topic: &[u8; 3]| [&[0x3B, 8, 0, 3], &topic[..], &[0x12, 0x34, b'!']].concat();
        let all = [publish(b"a/b"), publish(b"x/y"), publish(b"b/c")].concat();
        let puback = [0x40, 2, 0x12, 0x34];
        // A packet may come in pieces.
        let (start, rest) = all.split_at(5);
        publisher.write_all(start).expect("it listens");
        talk(&mut publisher, rest, &[puback; 3].concat());
        let delivered = |topic: &[u8; 3], id| [&[0x32, 8, 0, 3], &topic[..], &[0, id, b'!']].concat();
        talk(
            &mut subscriber,
            &[0xC0, 0],
            &[delivered(b"a/b", 1), delivered(b"b/c", 2), vec![0xD0, 0]].concat(),
        );
        assert_eq!(serving.end(), 3);
    }

    #[test]
    fn a_message_of_quality_2_is_delivered_once() {
        let serving = Serving::start();
        let mut client = connected(&serving, 5);
        talk(&mut client, &[0x82, 7, 0, 1, 0, 0, 1, b'a', 2], &[0x90, 4, 0, 1, 0, 2]);
        let (publish, pubrec) = ([0x34, 6, 0, 1, b'a', 0, 9, 0], [0x50, 2, 0, 9]);
        talk(&mut client, &publish, &[&[0x34, 6, 0, 1, b'a', 0, 1, 0][..], &pubrec].concat());
        // Again, before it is released: not delivered again.
        talk(&mut client, &publish, &pubrec);
        talk(&mut client, &[0x62, 2, 0, 9], &[0x70, 2, 0, 9]);
        // Its own delivery.
        talk(&mut client, &[0x50, 2, 0, 1], &[0x62, 2, 0, 1]);
        assert_eq!(serving.end(), 1);
    }

    #[test]
    fn who_leaves_gets_nothing_more() {
        let serving = Serving::start();
        let mut leaver = connected(&serving, 4);
        talk(&mut leaver, &[0x82, 6, 0, 1, 0, 1, b'a', 0], &[0x90, 3, 0, 1, 0]);
        leaver.write_all(&[0xE0, 0]).expect("it listens");
        assert_eq!(leaver.read(&mut [0]).expect("it closes"), 0);
        // Takes the place of the one that left.
        let mut next = connected(&serving, 4);
        talk(&mut next, &[0x30, 3, 0, 1, b'a', 0xC0, 0], &[0xD0, 0]);
        assert_eq!(serving.end(), 1);
    }
}
