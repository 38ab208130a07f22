//! How smol is used.

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::{
    io,
    sync::{Arc, LazyLock},
    thread,
};

use async_executor::{Executor, Task};
use async_net::TcpListener;
pub(crate) use async_net::TcpStream as Stream;
use futures_io::{AsyncRead, AsyncWrite};
use mqtt_engine::BrokerConfig;
#[cfg(unix)]
pub(crate) use mqtt_engine_smol::unix;
pub(crate) use mqtt_engine_smol::{
    Client, Decision, Hooks, Listener, Peer, Server, ServerConfig, Smol as Clock, Stopped,
};

use crate::on_every_runtime::Faulty;

/// Two threads run it for as long as the tests take.
static EXECUTOR: LazyLock<Arc<Executor<'static>>> = LazyLock::new(|| {
    let executor = Arc::new(Executor::new());
    for _ in 0..2 {
        let executor = Arc::clone(&executor);
        thread::spawn(move || async_io::block_on(executor.run(core::future::pending::<()>())));
    }
    executor
});

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    async_io::block_on(future)
}

/// What `spawn` gives: its output, when awaited. Dropped, it lets the task go on.
pub(crate) struct Joined<T>(Option<Task<T>>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(self.0.as_mut().unwrap()).poll(cx)
    }
}

impl<T> Drop for Joined<T> {
    fn drop(&mut self) {
        self.0.take().unwrap().detach();
    }
}

pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Joined<T> {
    Joined(Some(EXECUTOR.spawn(future)))
}

pub(crate) fn server(broker: BrokerConfig, hooks: impl Hooks, config: ServerConfig) -> Server {
    Server::on(Arc::clone(&EXECUTOR), broker, hooks, config)
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
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.poll_may_read(buffer.len(), cx))?;
        Pin::new(&mut self.stream).poll_read(cx, &mut buffer[..count])
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

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
