//! MQTT in WebSocket frames (3.1.1 and 5.0 section 6).
//!
//! A [`WebSocketStream`] is a stream of bytes: what is written goes into binary frames, and what comes in binary frames can be
//! read, wherever the frames begin and end.
#![expect(clippy::wildcard_enum_match_arm, reason = "other errors of the library are told as they are")]

use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream as Frames, accept_hdr_async_with_config, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        error::{ProtocolError, SubProtocolError},
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{Utf8Bytes, coding::CloseCode},
        },
    },
};

use crate::{Connecting, Connector};

/// The name that both sides must agree on.
const PROTOCOL: &str = "mqtt";
/// The most that is put into one frame.
const FRAME: usize = 16 << 10;
/// What is read from below at one time, allocated for each connection.
const READ: usize = 4 << 10;
/// Room for answers to pings behind a frame that the peer does not take.
const PONGS: usize = 4 << 10;

/// What a WebSocket accepts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The largest message, in bytes: it is gathered before its first byte is handed on. Many clients put a packet into one message,
    /// so packets should not be allowed to be larger. Default 1 MiB.
    pub max_message: usize,
    /// The path that a client must ask for. Default: any.
    pub path: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_message: 1 << 20, path: None }
    }
}

impl Config {
    fn limits(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(READ)
            // Nothing is held back: the outbox has gathered what there is.
            .write_buffer_size(0)
            .max_write_buffer_size(FRAME + PONGS)
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message))
    }
}

/// A connector that opens a WebSocket over another's streams.
#[derive(Clone, Debug)]
pub struct WebSocket<C> {
    below: C,
    url: String,
    config: Config,
}

impl<C> WebSocket<C> {
    /// Asks for this URL (`ws://host:port/path`) over streams that `below` opens; the URL's host is only told to the server.
    #[must_use]
    pub fn new(below: C, url: impl Into<String>) -> Self {
        Self { below, url: url.into(), config: Config::default() }
    }

    /// Accepts other messages than the default.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }
}

impl<C> Connector for WebSocket<C>
where
    C: Connector,
    C::Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Stream = WebSocketStream<C::Stream>;

    fn connect(&mut self) -> Connecting<Self::Stream> {
        let opening = self.below.connect();
        let (url, config) = (self.url.clone(), self.config.clone());
        Box::pin(async move { WebSocketStream::connect(opening.await?, &url, &config).await })
    }
}

/// The bytes in a WebSocket's binary frames.
///
/// Any other data frame ends it with an error [MQTT-6.0.0-1] (both versions). Pings are answered, as long as it is read.
pub struct WebSocketStream<S> {
    frames: Frames<S>,
    /// Of the last message, not yet read.
    rest: Bytes,
    /// The peer has closed, or broken a rule.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    /// The server's side of the handshake. Who asks for another sub-protocol than `mqtt` (or for none), or for another path, is
    /// refused [MQTT-6.0.0-4] (both versions). It takes as long as the peer takes.
    ///
    /// # Errors
    ///
    /// The stream fails, or the peer does not do its part of the handshake.
    pub async fn accept(stream: S, config: &Config) -> io::Result<Self> {
        let check = |request: &Request, response| agree(config, request, response);
        accept_hdr_async_with_config(stream, check, Some(config.limits()))
            .await
            .map(Self::new)
            .map_err(refused)
    }

    /// The client's side: asks for this URL and the sub-protocol `mqtt` [MQTT-6.0.0-3] (both versions), and insists on it.
    ///
    /// # Errors
    ///
    /// The stream fails, or the server does not do its part of the handshake.
    pub async fn connect(stream: S, url: &str, config: &Config) -> io::Result<Self> {
        let mut request = url.into_client_request().map_err(refused)?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        let opened = client_async_with_config(request, stream, Some(config.limits())).await;
        opened.map(|(frames, _)| Self::new(frames)).map_err(refused)
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        self.frames.get_ref()
    }

    fn new(frames: Frames<S>) -> Self {
        Self { frames, rest: Bytes::new(), ended: false }
    }

    /// Waits for the next message with something in it; `false` at the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.rest.is_empty() && !self.ended {
            match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
                // Frame borders mean nothing, and neither does a frame without a byte [MQTT-6.0.0-2] (both versions).
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(self.give_up(
                        CloseCode::Unsupported,
                        "a text frame; MQTT travels in binary frames",
                        cx,
                    )));
                }
                Some(Ok(Message::Close(_))) => {
                    self.ended = true;
                    // Sends the answer, if the peer takes it at once.
                    let _ = Pin::new(&mut self.frames).poll_flush(cx);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                None
                | Some(Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    self.ended = true;
                }
                Some(Err(tungstenite::Error::Io(error))) => {
                    self.ended = true;
                    return Poll::Ready(Err(error));
                }
                Some(Err(error @ tungstenite::Error::Capacity(_))) => {
                    return Poll::Ready(Err(self.give_up(CloseCode::Size, &error.to_string(), cx)));
                }
                Some(Err(error @ tungstenite::Error::Utf8(_))) => {
                    return Poll::Ready(Err(self.give_up(CloseCode::Unsupported, &error.to_string(), cx)));
                }
                Some(Err(error)) => {
                    return Poll::Ready(Err(self.give_up(CloseCode::Protocol, &error.to_string(), cx)));
                }
            }
        }
        Poll::Ready(Ok(!self.rest.is_empty()))
    }

    /// Tells the peer why, if it takes that at once.
    fn give_up(&mut self, code: CloseCode, why: &str, cx: &mut Context<'_>) -> io::Error {
        self.ended = true;
        // A control frame holds 125 bytes, of which the code is two.
        let reason = Utf8Bytes::from(why.chars().filter(char::is_ascii).take(120).collect::<String>());
        let close = Message::Close(Some(CloseFrame { code, reason }));
        if Pin::new(&mut self.frames).start_send(close).is_ok() {
            let _ = Pin::new(&mut self.frames).poll_flush(cx);
        }
        io::Error::new(io::ErrorKind::InvalidData, format!("WebSocket: {why}"))
    }

    /// Waits until the frame before is on its way, then sends these bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: impl FnOnce() -> Bytes) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(Pin::new(&mut self.frames).poll_flush(cx)).map_err(broken)?;
        let bytes = bytes();
        let count = bytes.len();
        if count > 0 {
            Pin::new(&mut self.frames).start_send(Message::Binary(bytes)).map_err(broken)?;
        }
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() > 0 && ready!(self.poll_message(cx))? {
            let count = self.rest.len().min(buf.remaining());
            buf.put_slice(&self.rest.split_to(count));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, || Bytes::copy_from_slice(buf.get(..FRAME).unwrap_or(buf)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, || {
            let mut frame =
                BytesMut::with_capacity(bufs.iter().map(|part| part.len()).sum::<usize>().min(FRAME));
            for part in bufs {
                frame.extend_from_slice(part.take(FRAME - frame.len()).chunk());
            }
            frame.freeze()
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.frames).poll_flush(cx).map_err(broken)
    }

    /// Says that nothing more will come. The peer then says the same, and the server closes the connection.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.frames).poll_close(cx).map_err(broken)
    }
}

impl<S: fmt::Debug> fmt::Debug for WebSocketStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream")
            .field("frames", &self.frames)
            .field("rest", &self.rest.len())
            .field("ended", &self.ended)
            .finish()
    }
}

/// The server's answer to the request of a client.
fn agree(config: &Config, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if config.path.as_deref().is_some_and(|path| path != request.uri().path()) {
        return Err(refusal(StatusCode::NOT_FOUND, "MQTT is not served at this path\n"));
    }
    let mut offered = request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if !offered.any(|name| name.trim() == PROTOCOL) {
        return Err(refusal(StatusCode::BAD_REQUEST, "the sub-protocol `mqtt` must be offered\n"));
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    Ok(response)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(String::from(why)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/plain"));
    headers.insert("content-length", HeaderValue::from(why.len()));
    headers.insert("connection", HeaderValue::from_static("close"));
    response
}

/// Why there is no WebSocket.
fn refused(error: tungstenite::Error) -> io::Error {
    let why = match error {
        tungstenite::Error::Io(error) => return error,
        tungstenite::Error::Http(response) => {
            let said = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let said = said.lines().next().unwrap_or_default();
            match said.is_empty() {
                true => format!("refused with {}", response.status()),
                false => format!("refused with {}: {}", response.status(), said.escape_debug()),
            }
        }
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => String::from("the server does not speak the sub-protocol `mqtt`"),
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            return io::Error::new(io::ErrorKind::UnexpectedEof, "WebSocket: closed during the handshake");
        }
        other => other.to_string(),
    };
    io::Error::new(io::ErrorKind::InvalidData, format!("WebSocket: {why}"))
}

/// Why nothing can be written any more.
fn broken(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::SendAfterClosing) => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, format!("WebSocket: {other}")),
    }
}
