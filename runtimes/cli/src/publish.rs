//! `mqtt pub`.

use std::{
    fs,
    io::{self, BufRead, Read},
    thread,
};

use bytes::Bytes;
use mqtt_engine::{
    ClientEvent, Disconnect, LostSession, Message, PublishError, PublishOutcome, QoS, Reconnect,
};
use tokio::sync::mpsc;

use crate::{
    connect::{self, Client, GOODBYE},
    failure::{Failure, tell},
    options::{PayloadOptions, PubOptions},
    signals,
};

/// The longest line that is read: no MQTT packet is larger. Whoever feeds us endless bytes is told, instead of our memory.
const LONGEST: u64 = 268_435_455;

/// How many lines are read ahead.
const AHEAD: usize = 64;

pub(crate) async fn run(options: Box<PubOptions>) -> Result<u8, Failure> {
    let mut config = connect::configuration(&options.connect)?;
    let mut template = Message::new(options.topic.as_str(), Bytes::new())
        .map_err(|error| Failure::new(format!("topic (-t) {:?}: {error}", options.topic)))?
        .with_qos(options.qos);
    template.retain = options.retain;
    options.connect.properties.apply(&mut *template.properties, &mut config)?;

    let source = Source::open(&options.payload)?;
    // A stream of lines lives long, so it goes on after a lost connection; a single message reports the loss.
    if options.payload.lines {
        if options.qos < QoS::ExactlyOnce {
            config.lost_session = LostSession::Republish;
        }
    } else {
        config.reconnect = Reconnect::Never;
    }

    let mut client = connect::client(&options.connect, config)?;
    connect::connected(&mut client, &options.connect).await?;
    let mut publisher = Publisher { template, held: None, failures: Vec::new() };
    let end = publisher.run(&mut client, source, &options).await;
    let remains = client.shut_down(Disconnect::default(), GOODBYE).await;
    while let Some(event) = client.next_event().await {
        publisher.fate(&event);
    }
    end?;
    if !remains.is_nothing() || publisher.held.is_some() {
        let count = remains.publishes + usize::from(publisher.held.is_some());
        return Err(Failure::new(format!("{count} message(s) were not delivered before the end")));
    }
    match publisher.failures.first() {
        Some(first) if publisher.failures.len() == 1 => Err(Failure::new(first.clone())),
        Some(first) => Err(Failure::new(format!("{first} ({} messages in all)", publisher.failures.len()))),
        None => Ok(0),
    }
}

struct Publisher {
    template: Message,
    /// Was not taken yet, because the queue is full.
    held: Option<Message>,
    failures: Vec<String>,
}

impl Publisher {
    async fn run(
        &mut self,
        client: &mut Client,
        mut source: Source,
        options: &PubOptions,
    ) -> Result<(), Failure> {
        let mut stop = core::pin::pin!(signals::stop()?);
        let mut exhausted = false;
        while !(exhausted && self.held.is_none() && client.pending_publishes() == 0) {
            tokio::select! {
                () = &mut stop => return Ok(()),
                payload = source.next(), if !exhausted && self.held.is_none() => match payload {
                    Some(Ok(payload)) => {
                        let mut message = self.template.clone();
                        message.payload = payload;
                        self.publish(client, message)?;
                    }
                    Some(Err(failure)) => return Err(failure),
                    None => exhausted = true,
                },
                event = client.next_event() => match event {
                    Some(ClientEvent::Writable) => {
                        if let Some(message) = self.held.take() {
                            self.publish(client, message)?;
                        }
                    }
                    Some(ClientEvent::Disconnected { reason }) => {
                        let error = client.take_error();
                        let words = connect::in_words(&reason, error.as_ref());
                        if !options.payload.lines {
                            return Err(Failure::new(format!("the connection was lost before the message was delivered: {words}"))
                                .advice("publish it again; with -q 1 or 2 the server says when it has it"));
                        }
                        tell(format_args!("connection lost: {words}; connecting again"));
                    }
                    Some(event) => self.fate(&event),
                    None => return Err(Failure::new("the client gave up")),
                },
            }
        }
        Ok(())
    }

    fn publish(&mut self, client: &Client, message: Message) -> Result<(), Failure> {
        match client.publish(message) {
            Ok(_) => Ok(()),
            Err(PublishError::Blocked(message)) => {
                self.held = Some(message);
                Ok(())
            }
            Err(error) => Err(Failure::new(format!("the message was not published: {error}"))),
        }
    }

    fn fate(&mut self, event: &ClientEvent) {
        let ClientEvent::Published { outcome, .. } = event else { return };
        let trouble = match outcome {
            PublishOutcome::Acknowledged { .. } => return,
            PublishOutcome::Refused { reason } => format!("the server refused the message: {reason}"),
            PublishOutcome::Expired => String::from("the message expired before it could be sent"),
            PublishOutcome::Unknown => {
                String::from("the server lost the session, and nobody knows whether the message arrived")
            }
            other => format!("the message was not delivered: {other:?}"),
        };
        self.failures.push(trouble);
    }
}

/// Where payloads come from.
enum Source {
    Single(Option<Bytes>),
    Lines(mpsc::Receiver<Result<Bytes, Failure>>),
}

impl Source {
    fn open(options: &PayloadOptions) -> Result<Self, Failure> {
        let payload = if options.lines {
            return Ok(Self::Lines(read_lines()));
        } else if let Some(message) = &options.message {
            Bytes::from(message.clone())
        } else if let Some(path) = &options.file {
            let content = fs::read(path).map_err(|error| {
                Failure::new(format!("{}: {error}", path.display())).advice("is the path (-f) right?")
            })?;
            Bytes::from(content)
        } else if options.stdin {
            let mut content = Vec::new();
            io::stdin()
                .lock()
                .take(LONGEST + 1)
                .read_to_end(&mut content)
                .map_err(|error| unreadable(&error))?;
            Bytes::from(content)
        } else {
            Bytes::new()
        };
        Ok(Self::Single(Some(payload)))
    }

    /// The next payload. Cancel-safe.
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        match self {
            Self::Single(payload) => payload.take().map(Ok),
            Self::Lines(lines) => lines.recv().await,
        }
    }
}

/// Reads lines in a thread of its own: reading standard input can't be called off.
fn read_lines() -> mpsc::Receiver<Result<Bytes, Failure>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let item = match input.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(count) if count as u64 > LONGEST => {
                    Err(Failure::new("a line of standard input is longer than a message can be"))
                }
                Ok(_) => {
                    if line.last() == Some(&b'\n') {
                        line.pop();
                    }
                    Ok(Bytes::from(line))
                }
                Err(error) => Err(unreadable(&error)),
            };
            let failed = item.is_err();
            if sender.blocking_send(item).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(format!("standard input can't be read: {error}"))
}
