//! A client that sends exactly what a test wants, and shows every answer.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::support::PATIENCE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V5,
}
pub(crate) use Version::{V4, V5};

/// What a client says when it connects.
#[derive(Clone, Debug)]
pub(crate) struct Hello<'a> {
    pub(crate) version: Version,
    pub(crate) client_id: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    pub(crate) will: Option<&'a str>,
    /// A session that is resumed and kept.
    pub(crate) keeps: bool,
}

pub(crate) fn hello(version: Version, client_id: &str) -> Hello<'_> {
    Hello { version, client_id, user: None, password: None, will: None, keeps: false }
}

impl<'a> Hello<'a> {
    pub(crate) fn user(self, user: &'a str, password: &'a str) -> Self {
        Self { user: Some(user), password: Some(password), ..self }
    }

    pub(crate) fn will(self, topic: &'a str) -> Self {
        Self { will: Some(topic), ..self }
    }

    pub(crate) fn keeps(self) -> Self {
        Self { keeps: true, ..self }
    }

    fn encode(&self) -> Vec<u8> {
        let is_5 = self.version == V5;
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags = flag(!self.keeps, 0x02)
            | flag(self.will.is_some(), 0x04)
            | flag(self.password.is_some(), 0x40)
            | flag(self.user.is_some(), 0x80);
        let mut body = field("MQTT");
        body.extend([if is_5 { 5 } else { 4 }, flags, 0, 0]);
        if is_5 && self.keeps {
            body.extend([5, 0x11, 0, 0, 0x0E, 0x10]);
        } else if is_5 {
            body.push(0);
        }
        body.extend(field(self.client_id));
        if let Some(topic) = self.will {
            body.extend(is_5.then_some(0));
            body.extend(field(topic));
            body.extend(field("gone"));
        }
        body.extend(self.user.into_iter().chain(self.password).flat_map(field));
        packet(0x10, &body)
    }
}

fn field(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(digit | if length > 0 { 0x80 } else { 0 });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

pub(crate) struct Client {
    stream: TcpStream,
    version: Version,
}

impl Client {
    /// Connects and tells the code of CONNACK.
    pub(crate) fn knock(port: u16, hello: &Hello<'_>) -> (Self, u8) {
        let mut client = Self::call(port, hello);
        let code = client.answer();
        (client, code)
    }

    /// Sends CONNECT.
    pub(crate) fn call(port: u16, hello: &Hello<'_>) -> Self {
        let mut client = Self { version: hello.version, ..Self::dial(port) };
        client.send(&hello.encode());
        client
    }

    /// Connects, and leaves all bytes to the test.
    pub(crate) fn dial(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, version: V5 }
    }

    /// The code of CONNACK.
    pub(crate) fn answer(&mut self) -> u8 {
        let (first, body) = self.read().unwrap();
        assert_eq!(first, 0x20);
        body[1]
    }

    /// Whether a byte has arrived by now.
    pub(crate) fn is_answered(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let seen = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        seen.is_ok()
    }

    pub(crate) fn connect(port: u16, hello: &Hello<'_>) -> Self {
        let (client, code) = Self::knock(port, hello);
        assert_eq!(code, 0, "{hello:?}");
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next packet; `None` at the end.
    pub(crate) fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).ok()?;
        let first = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.stream.read_exact(&mut byte).ok()?;
            length |= usize::from(byte[0] & 0x7F) << shift;
            shift += 7;
            if byte[0] < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some((first, body))
    }

    /// The codes of SUBACK.
    pub(crate) fn subscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let mut body = vec![0, 1];
        body.extend((self.version == V5).then_some(0));
        for filter in filters {
            body.extend(field(filter));
            body.push(1);
        }
        self.send(&packet(0x82, &body));
        let (first, body) = self.read().unwrap();
        assert_eq!(first, 0x90);
        body[if self.version == V5 { 3 } else { 2 }..].to_vec()
    }

    /// Publishes with QoS 1 and tells the code of PUBACK (0 for 3.1.1, which has none).
    pub(crate) fn publish(&mut self, topic: &str) -> u8 {
        let mut body = field(topic);
        body.extend([0, 9]);
        body.extend((self.version == V5).then_some(0));
        body.extend(b"hello");
        self.send(&packet(0x32, &body));
        let (first, body) = self.read().unwrap();
        assert_eq!((first, &body[..2]), (0x40, &[0, 9][..]));
        body.get(2).copied().unwrap_or(0)
    }

    /// The topics of the messages that the broker had for this client when this was called.
    pub(crate) fn topics(&mut self) -> Vec<String> {
        let mut topics = self.topics_before_pong();
        // The answer to a ping may overtake messages that wait, but only once.
        topics.extend(self.topics_before_pong());
        topics
    }

    fn topics_before_pong(&mut self) -> Vec<String> {
        self.send(&[0xC0, 0]);
        let mut topics = Vec::new();
        loop {
            let (first, body) = self.read().unwrap();
            match first {
                0xD0 => return topics,
                _ if first >> 4 == 3 => {
                    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    topics.push(String::from_utf8(body[2..2 + length].to_vec()).unwrap());
                }
                other => panic!("{other:#x} {body:x?}"),
            }
        }
    }

    /// Says good-bye and waits until the broker has taken note.
    pub(crate) fn leave(mut self) {
        self.send(&[0xE0, 0]);
        self.end();
    }

    /// Waits for the end and tells the last packet before it, if there was one.
    pub(crate) fn end(&mut self) -> Option<(u8, Vec<u8>)> {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut last = None;
        while let Some(packet) = self.read() {
            last = Some(packet);
        }
        last
    }

    /// Whether the connection is still there a moment later.
    pub(crate) fn is_open(&self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let is_open = self.stream.peek(&mut [0]).is_err();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        is_open
    }
}
