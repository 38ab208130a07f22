//! The server's side of one connection on stage; the script plays the client, and the program that decides.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Buf;
use mqtt_engine::{
    Acceptance, Connection, ConnectionConfig, ConnectionEvent, DropReason, Message, RequestToken, Session,
    Timestamp, Transport,
    packet::{ProtocolVersion, ReasonCode},
};

use super::{
    Said,
    scribe::{Scribe, Timed, Wire},
};
use crate::{Diary, Passage, words};

const SERVER: &str = "server";
const CLIENT: &str = "client";
const UP: [&str; 2] = [CLIENT, SERVER];
const DOWN: [&str; 2] = [SERVER, CLIENT];

/// A [`Connection`] that the script drives by hand, in virtual time. Requests wait until the script finishes them.
#[derive(Debug)]
pub struct ConnectionDesk {
    config: ConnectionConfig,
    connection: Connection,
    wire: Wire,
    requests: VecDeque<Request>,
    session: Option<Session>,
    scribe: Scribe,
}

#[derive(Clone, Copy, Debug)]
enum Request {
    Publish(RequestToken),
    Subscribe(RequestToken),
    Unsubscribe(RequestToken),
}

impl ConnectionDesk {
    /// A connection that a client of this version has just opened; the time is 0.
    #[must_use]
    pub fn new(config: ConnectionConfig, version: ProtocolVersion) -> Self {
        let connection = Connection::new(config, Timestamp::ZERO);
        let (wire, scribe) = (Wire::new(version), Scribe::default());
        let mut desk = Self { config, connection, wire, requests: VecDeque::new(), session: None, scribe };
        desk.settle();
        desk
    }

    /// The machine, for what the stage has no step for.
    pub fn machine(&mut self) -> (&mut Connection, Timestamp) {
        (&mut self.connection, self.scribe.now)
    }

    /// The script ends: the server must have nothing left to say.
    #[must_use]
    pub fn finish(mut self) -> Diary {
        self.settle();
        self.wire.expect_nothing(DOWN, &self.scribe);
        self.scribe.diary
    }

    /// A remark in the diary.
    pub fn note(&mut self, words: &str) {
        self.scribe.note(words);
    }

    /// The client says this.
    pub fn send(&mut self, said: Said) {
        self.receive(&said, usize::MAX);
    }

    /// The first bytes of what the client says arrive: a cut must follow.
    pub fn send_part(&mut self, said: Said, count: usize) {
        self.receive(&said, count);
    }

    /// The next packet of the server is this one.
    pub fn recv(&mut self, expected: Said) {
        self.take(&expected, Passage::Whole);
    }

    /// The next packet of the server is this one, and is lost: a cut must follow.
    pub fn lose(&mut self, expected: Said) {
        self.take(&expected, Passage::Lost);
    }

    /// The program accepts the client, with the session that the last connection has left if the client resumes it.
    pub fn accept(&mut self, resumes: bool) {
        let mut acceptance = Acceptance::default();
        acceptance.session = self.session.take().filter(|_| resumes);
        self.scribe
            .call(SERVER, if acceptance.session.is_some() { "accept with a session" } else { "accept" });
        let dropped = self.connection.accept(acceptance, self.scribe.now);
        self.note_dropped(dropped);
        self.settle();
    }

    /// The program refuses the client.
    pub fn refuse(&mut self, reason: ReasonCode) {
        self.scribe.call(SERVER, format!("refuse: {}", reason.words()));
        self.connection.refuse(reason, self.scribe.now);
        self.settle();
    }

    /// The program asks the client for another step of its authentication.
    pub fn challenge(&mut self, data: &str) {
        self.scribe.call(SERVER, format!("challenge {data:?}"));
        self.connection.challenge(Some(data.as_bytes()), self.scribe.now);
        self.settle();
    }

    /// The program accepts a re-authentication.
    pub fn finish_authentication(&mut self, data: &str) {
        self.scribe.call(SERVER, format!("finish authentication {data:?}"));
        self.connection.finish_authentication(Some(data.as_bytes()), self.scribe.now);
        self.settle();
    }

    /// The program finishes the oldest request: one code, or one for each filter.
    pub fn done(&mut self, reasons: &[ReasonCode]) {
        let words: Vec<_> = reasons.iter().map(|reason| reason.words()).collect();
        self.scribe.call(SERVER, format!("finish: {}", words.join(", ")));
        match self.requests.pop_front() {
            Some(Request::Publish(token)) => {
                let reason = reasons.first().copied().unwrap_or(ReasonCode::Success);
                self.connection.finish_publish(token, reason, self.scribe.now);
            }
            Some(Request::Subscribe(token)) => {
                self.connection.finish_subscribe(token, reasons, self.scribe.now)
            }
            Some(Request::Unsubscribe(token)) => {
                self.connection.finish_unsubscribe(token, reasons, self.scribe.now);
            }
            None => self.scribe.fail("no request to finish"),
        }
        self.settle();
    }

    /// The program has a message for the client.
    pub fn deliver(&mut self, message: Message) {
        self.scribe.call(SERVER, format!("deliver {}", words::message(&message)));
        let dropped = self.connection.deliver(message, self.scribe.now);
        self.note_dropped(dropped);
        self.settle();
    }

    /// The program ends the connection.
    pub fn close(&mut self, reason: ReasonCode) {
        self.scribe.call(SERVER, format!("close: {}", reason.words()));
        self.connection.close(reason, self.scribe.now);
        self.settle();
    }

    /// The network ends; the client opens another connection, and its session waits for [`accept`](Self::accept).
    pub fn cut(&mut self) {
        self.leave("the connection is cut");
    }

    /// The server ends the connection by itself, after its last packet; the client opens another one.
    pub fn ends(&mut self) {
        self.settle();
        self.wire.expect_nothing(DOWN, &self.scribe);
        if !matches!(self.connection.transport(), Transport::FlushThenClose | Transport::None) {
            self.scribe.fail(format_args!("the server wants {:?}", self.connection.transport()));
        }
        self.leave("the server ends the connection");
    }

    /// So much time passes; timers fire when they are due.
    pub fn advance(&mut self, span: Duration) {
        self.let_pass(span);
    }

    /// So much time passes, in which the server says nothing.
    pub fn silence(&mut self, span: Duration) {
        self.advance(span);
        self.wire.expect_nothing(DOWN, &self.scribe);
        self.scribe.note("silence until now");
    }

    fn note_dropped(&mut self, dropped: Vec<(Message, DropReason)>) {
        for (message, why) in dropped {
            self.scribe.call(SERVER, format!("dropped {}: {why}", words::message(&message)));
        }
    }

    fn leave(&mut self, note: &str) {
        self.settle();
        self.wire.lose_the_rest(DOWN, &mut self.scribe);
        self.scribe.note(note);
        self.connection.transport_closed(self.scribe.now);
        self.settle();
        let next = Connection::new(self.config, self.scribe.now);
        self.session = core::mem::replace(&mut self.connection, next).into_session();
        self.requests.clear();
        self.settle();
    }

    fn tell(&mut self, event: &ConnectionEvent) {
        self.scribe.event(SERVER, words::connection_event(event));
        match event {
            ConnectionEvent::Publish { token, .. } => self.requests.push_back(Request::Publish(*token)),
            ConnectionEvent::Subscribe { token, .. } => self.requests.push_back(Request::Subscribe(*token)),
            ConnectionEvent::Unsubscribe { token, .. } => {
                self.requests.push_back(Request::Unsubscribe(*token))
            }
            _ => {}
        }
    }

    fn receive(&mut self, said: &Said, count: usize) {
        self.wire.send(said, count, UP, &mut self.scribe);
        self.settle();
    }

    fn take(&mut self, expected: &Said, passage: Passage) {
        self.settle();
        self.wire.take(expected, passage, DOWN, &mut self.scribe);
    }
}

impl Timed for ConnectionDesk {
    fn scribe(&self) -> &Scribe {
        &self.scribe
    }

    fn due(&self) -> Option<Timestamp> {
        self.connection.deadline()
    }

    fn pass(&mut self, now: Timestamp) {
        self.scribe.now = now;
        self.connection.handle_timeout(now);
    }

    fn settle(&mut self) {
        loop {
            let unread: Vec<u8> = self.wire.unread.drain(..).collect();
            let mut rest = &unread[..];
            if !rest.is_empty() && self.connection.wants_input() {
                self.connection.receive(&mut rest, self.scribe.now);
            }
            let mut is_still = rest.len() == unread.len();
            self.wire.unread.extend(rest);
            while let Some(event) = self.connection.poll_event() {
                self.tell(&event);
                is_still = false;
            }
            let outbox = self.connection.outbox();
            if outbox.has_remaining() {
                let bytes = outbox.copy_to_bytes(outbox.remaining());
                self.wire.written.push(&bytes);
                is_still = false;
            }
            if is_still {
                break;
            }
        }
        let deadline = self.connection.deadline().zip(self.connection.why_deadline().map(String::from));
        self.scribe.deadline(SERVER, deadline);
        self.scribe.transport(SERVER, self.connection.transport());
    }
}
