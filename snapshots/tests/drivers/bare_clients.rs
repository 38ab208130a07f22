//! The loops without an operating system: sockets that are never waited for stand for the serial lines.

use std::{
    future::pending,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use async_io::{Async, Timer};
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use mqtt_engine::{
    Client, ClientConfig, ClientEvent, DeliveryToken, Disconnect, Message, Subscribe, Timestamp, Unsubscribe,
    packet::ReasonCode,
};
use mqtt_engine_bare::{AsyncLine, Clock, Line, Link, Next};
use mqtt_engine_driver::{Runtime, timeout_at};
use mqtt_engine_smol::Smol;

use crate::beside_client;

/// How long the superloop sleeps when there is nothing to do: what the next interrupt would be.
const TICK: Duration = Duration::from_micros(100);

/// A socket that is there or not.
pub struct Socket {
    server: SocketAddr,
    stream: Option<TcpStream>,
}

impl Socket {
    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream.as_mut().ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// What it would say now. It must be asked rather than read, because a socket that is not read on keeps its bytes.
    fn is_readable(&mut self) -> io::Result<bool> {
        match self.stream()?.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            _ => Ok(true),
        }
    }
}

impl ErrorType for Socket {
    type Error = io::Error;
}

impl ReadReady for Socket {
    fn read_ready(&mut self) -> io::Result<bool> {
        self.is_readable()
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream()?.read(buffer)
    }
}

impl WriteReady for Socket {
    /// What the scripts write always fits the system's buffer.
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream()?.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that is opened and closed.
pub struct Dialled(Socket);

impl Line for Dialled {
    type Io = Socket;

    fn io(&mut self) -> &mut Socket {
        &mut self.0
    }

    fn poll_open(&mut self, _: Timestamp) -> Poll<io::Result<()>> {
        Poll::Ready(connect(self.0.server).map(|stream| self.0.stream = Some(stream)))
    }

    /// Unread input would make the system reset the connection and destroy the last words.
    fn poll_close(&mut self, _: Timestamp) -> Poll<()> {
        let Some(stream) = &mut self.0.stream else { return Poll::Ready(()) };
        let _ = stream.shutdown(Shutdown::Write);
        match stream.read(&mut [0; 1024]) {
            Ok(1..) => Poll::Pending,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Ok(0) | Err(_) => {
                self.0.stream = None;
                Poll::Ready(())
            }
        }
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A way to turn a link on its line.
pub trait Surface: Sized {
    const NAME: &'static str;

    fn new(server: SocketAddr) -> Self;

    /// Turns until something happened or patience is over.
    fn turn(program: &mut Program<Self>, patience: Duration) -> Option<ClientEvent>;
}

/// A program with a client, its link, and a line.
pub struct Program<L> {
    client: Client,
    link: Link,
    clock: SystemClock,
    line: L,
}

impl<L: Surface> beside_client::Driver for Program<L> {
    const NAME: &'static str = L::NAME;

    fn new(server: SocketAddr, config: ClientConfig) -> Self {
        let clock = SystemClock(Instant::now());
        Self { client: Client::new(config, clock.now()), link: Link::new(), clock, line: L::new(server) }
    }

    fn publish(&mut self, message: Message) {
        // A message that is not taken leaves no packet and no event, which is what is compared.
        let _ = self.client.publish(message, self.clock.now());
    }

    fn subscribe(&mut self, request: Subscribe) {
        let _ = self.client.subscribe(request, self.clock.now());
    }

    fn unsubscribe(&mut self, request: Unsubscribe) {
        let _ = self.client.unsubscribe(request, self.clock.now());
    }

    fn acknowledge(&mut self, delivery: DeliveryToken, reason: ReasonCode) {
        self.client.acknowledge(delivery, reason, self.clock.now());
    }

    fn disconnect(&mut self, request: Disconnect) {
        self.client.disconnect(request, self.clock.now());
    }

    fn turn(&mut self, patience: Duration) -> Option<ClientEvent> {
        L::turn(self, patience)
    }
}

/// Time since the test began.
struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.0.elapsed()
    }

    async fn wait_until(&mut self, moment: Timestamp) {
        Timer::after(moment - self.now()).await;
    }
}

/// A program that never waits.
pub type SuperloopClient = Program<Dialled>;

impl Surface for Dialled {
    const NAME: &'static str = "the superloop";

    fn new(server: SocketAddr) -> Self {
        Self(Socket { server, stream: None })
    }

    fn turn(program: &mut Program<Self>, patience: Duration) -> Option<ClientEvent> {
        let Program { client, link, clock, line } = program;
        let end = clock.now() + patience;
        loop {
            // A line that fails is what some flows are about.
            let next = link.turn(client, line, clock.now()).unwrap_or(Next::AtOnce);
            let event = client.poll_event();
            if event.is_some() || clock.now() >= end {
                return event;
            }
            if next != Next::AtOnce {
                thread::sleep(TICK);
            }
        }
    }
}

/// A socket whose halves are awaited.
pub struct AwaitedSocket {
    server: SocketAddr,
    stream: Option<Async<TcpStream>>,
}

struct Half<'a>(Option<&'a Async<TcpStream>>);

impl Half<'_> {
    fn stream(&self) -> io::Result<&Async<TcpStream>> {
        self.0.ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl ErrorType for Half<'_> {
    type Error = io::Error;
}

impl embedded_io_async::Read for Half<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream()?.read_with(|mut stream| stream.read(buffer)).await
    }
}

impl embedded_io_async::Write for Half<'_> {
    async fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream()?.write_with(|mut stream| stream.write(buffer)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncLine for AwaitedSocket {
    type Error = io::Error;

    fn split(
        &mut self,
    ) -> (impl embedded_io_async::Read<Error = io::Error>, impl embedded_io_async::Write<Error = io::Error>)
    {
        (Half(self.stream.as_ref()), Half(self.stream.as_ref()))
    }

    async fn open(&mut self) -> io::Result<()> {
        self.stream = Some(Async::new(connect(self.server)?)?);
        Ok(())
    }

    async fn close(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.get_ref().shutdown(Shutdown::Write);
            let mut rest = [0; 1024];
            while matches!(stream.read_with(|mut stream| stream.read(&mut rest)).await, Ok(1..)) {}
        }
        self.stream = None;
    }
}

/// A program with an executor.
pub type AwaitedClient = Program<AwaitedSocket>;

impl Surface for AwaitedSocket {
    const NAME: &'static str = "the awaited loop";

    fn new(server: SocketAddr) -> Self {
        Self { server, stream: None }
    }

    fn turn(program: &mut Program<Self>, patience: Duration) -> Option<ClientEvent> {
        let Program { client, link, clock, line } = program;
        let smol = Smol::default();
        let happened = async {
            loop {
                if let Some(event) = client.poll_event() {
                    return event;
                }
                if matches!(link.turn_async(client, line, clock).await, Ok(false)) {
                    pending::<()>().await;
                }
            }
        };
        async_io::block_on(timeout_at(&smol, smol.now() + patience, happened))
    }
}
