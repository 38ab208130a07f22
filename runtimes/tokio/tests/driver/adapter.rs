//! How tokio is used.

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::io;

use mqtt_engine::BrokerConfig;
#[cfg(unix)]
pub(crate) use mqtt_engine_tokio::transport::unix;
pub(crate) use mqtt_engine_tokio::{
    Client, Decision, Hooks, Listener, Peer, Server, ServerConfig, Stopped, Tokio as Clock,
};
pub(crate) use tokio::net::TcpStream as Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    runtime::Builder,
    task::JoinHandle,
};

use crate::on_every_runtime::Faulty;

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// What `spawn` gives: its output, when awaited. Dropped, it lets the task go on.
pub(crate) struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(Result::unwrap)
    }
}

pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Joined<T> {
    Joined(tokio::spawn(future))
}

pub(crate) fn server(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Server {
    Server::new(broker, hooks, config)
}

/// Serves until `stopped` ends.
pub(crate) fn serve(
    server: Server,
    listener: Listener,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Joined<Stopped> {
    spawn(async move { server.serve(vec![listener], stopped).await })
}

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

pub(crate) async fn connect(address: &str) -> io::Result<Stream> {
    Stream::connect(address).await
}

/// Two ends of a connection.
pub(crate) async fn pair() -> io::Result<(Stream, Stream)> {
    let (listener, address) = listen().await;
    let ours = connect(&address).await?;
    Ok((ours, listener.accept().await?.0))
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(self.poll_may_read(buffer.remaining(), cx))?;
        let mut read = vec![0; count];
        let mut part = ReadBuf::new(&mut read);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        buffer.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(self.poll_may_write(buffer.len(), cx))?;
        let written = Pin::new(&mut self.stream).poll_write(cx, &buffer[..count]);
        self.written(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
