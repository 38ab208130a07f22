//! One task, polled by hand on a runtime that interrupts nobody: when it pauses, and how often it asks the broker.
#![allow(clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "a test")]

use core::{
    future::{Pending, pending},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{
    io::{self, IoSlice},
    sync::{Arc, Mutex},
};

use bytes::{BufMut, BytesMut};
use mqtt_engine::{BrokerConfig, ClientConfig, ClientEvent, Message, Text, Timestamp};
use mqtt_engine_driver::{Client, Outside, Peer, Runtime, Shared, Signal, Streams, serve};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00";
const CONNACK: &[u8] = &[0x20, 0x03, 0x00, 0x00, 0x00];
const CONNECT_AND_SUBSCRIBE: &[u8] =
    b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00\x82\x07\x00\x01\x00\x00\x01a\x00";
const PUBLISH: &[u8] = b"\x30\x05\x00\x01a\x00x";

/// Time stands still.
#[derive(Clone, Debug, Default)]
struct Bare;

impl Runtime for Bare {
    type Sleep = Pending<()>;
    type TcpStream = Endless;

    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn sleep_until(&self, _: Timestamp) -> Pending<()> {
        pending()
    }

    async fn connect_tcp(_: String) -> io::Result<Endless> {
        Ok(Endless::default())
    }
}

/// Gives a greeting and then messages without end, and takes everything.
#[derive(Default)]
struct Endless {
    greeting: Option<&'static [u8]>,
    reads: Arc<AtomicUsize>,
}

impl Streams<Endless> for Bare {
    fn poll_read(
        stream: &mut Endless,
        buffer: &mut BytesMut,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let bytes = stream.greeting.take().unwrap_or(PUBLISH);
        stream.reads.fetch_add(1, Ordering::Relaxed);
        buffer.put_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write(_: &mut Endless, parts: &[IoSlice<'_>], _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn poll_flush(_: &mut Endless, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(_: &mut Endless, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Gives a greeting and then nothing, and takes everything.
struct Listening {
    greeting: &'static [u8],
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Streams<Listening> for Bare {
    fn poll_read(
        stream: &mut Listening,
        buffer: &mut BytesMut,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let bytes = core::mem::take(&mut stream.greeting);
        buffer.put_slice(bytes);
        if bytes.is_empty() { Poll::Pending } else { Poll::Ready(Ok(bytes.len())) }
    }

    fn poll_write(
        stream: &mut Listening,
        parts: &[IoSlice<'_>],
        _: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut heard = stream.heard.lock().unwrap();
        let before = heard.len();
        parts.iter().for_each(|part| heard.extend_from_slice(part));
        Poll::Ready(Ok(heard.len() - before))
    }

    fn poll_flush(_: &mut Listening, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(_: &mut Listening, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_connection_asks_once_for_what_one_write_takes_and_again_for_more() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let outside = Outside {
        // Each call of the broker is told the time.
        now: Box::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Timestamp::ZERO
        }),
        earlier: Waker::noop().clone(),
        spawn: Box::new(|_| panic!("nothing is to be run")),
    };
    let mut config = BrokerConfig::new();
    config.connection.outbox_bytes = 100;
    let shared = Shared::new(config, (), outside);
    let slot = shared.accept(Peer::default(), Arc::new(Signal::default())).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let stream = Listening { greeting: CONNECT_AND_SUBSCRIBE, heard: Arc::clone(&heard) };
    let woken = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = &mut Context::from_waker(&waker);
    let mut serving = pin!(serve::<Bare, _>(slot, stream, Duration::from_secs(1)));
    assert!(serving.as_mut().poll(cx).is_pending());

    for (count, looks) in [(1, 1..=1), (100, 2..=100), (1, 1..=1)] {
        heard.lock().unwrap().clear();
        for _ in 0..count {
            let message = Message::new("a", &b"x"[..]).unwrap();
            shared.with(|broker, now| broker.publish(message, now));
        }
        assert!(woken.poll_notified(cx).is_ready());
        asked.store(0, Ordering::Relaxed);
        assert!(serving.as_mut().poll(cx).is_pending());
        let asked = asked.load(Ordering::Relaxed);
        assert!(looks.contains(&asked), "{asked} looks for {count} messages");
        assert!(*heard.lock().unwrap() == PUBLISH.repeat(count), "{count} messages");
    }
}

#[test]
fn a_connection_of_a_broker_pauses_after_a_few_reads() {
    let outside = Outside {
        now: Box::new(|| Timestamp::ZERO),
        earlier: Waker::noop().clone(),
        spawn: Box::new(|_| panic!("nothing is to be run")),
    };
    let shared = Shared::new(BrokerConfig::new(), (), outside);
    let slot = shared.accept(Peer::default(), Arc::new(Signal::default())).unwrap();
    let reads = Arc::new(AtomicUsize::new(0));
    let stream = Endless { greeting: Some(CONNECT), reads: Arc::clone(&reads) };
    let woken = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = &mut Context::from_waker(&waker);
    let mut serving = pin!(serve::<Bare, _>(slot, stream, Duration::from_secs(1)));
    for turn in 1..100 {
        assert!(serving.as_mut().poll(cx).is_pending());
        assert!(woken.poll_notified(cx).is_ready(), "it wants another turn");
        let reads = reads.load(Ordering::Relaxed);
        assert!((turn..=turn * 8).contains(&reads), "{reads} reads in {turn} turns");
    }
    assert!(shared.with(|broker, _| broker.statistics().received) >= 98);
}

#[test]
fn a_client_pauses_after_a_few_reads() {
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let connector = move || {
        let reads = Arc::clone(&counter);
        async move { Ok(Endless { greeting: Some(CONNACK), reads }) }
    };
    let config = ClientConfig::new(Text::try_from("client").unwrap());
    let mut client = Client::<Bare, Endless>::connect_with(connector, config);
    let woken = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = &mut Context::from_waker(&waker);
    let mut received = 0;
    for turn in 1..100 {
        while let Poll::Ready(event) = pin!(client.next_event()).poll(cx) {
            received += usize::from(matches!(event, Some(ClientEvent::Received { .. })));
            assert!(received <= turn * 8, "{received} messages in {turn} turns");
        }
        assert!(woken.poll_notified(cx).is_ready(), "it wants another turn");
    }
    assert!(received >= 98, "{received}");
    assert!(reads.load(Ordering::Relaxed) >= received);
}
