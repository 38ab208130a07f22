//! `mqtt sub`.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use mqtt_engine::{
    Acknowledgement, ClientEvent, DeliveryToken, Disconnect, Message, MessageProperties, PayloadFormat,
    Subscribe, Subscription, TopicFilter,
    packet::{ProtocolVersion, ReasonCode},
};
use serde_json::{Map, Value, json};

use crate::{
    connect::{self, Client, GOODBYE},
    failure::{Failure, tell},
    options::{Format, SubOptions},
    properties::{self, Target},
    signals,
};

/// The exit code of `-W`, as other clients have it.
const TIMED_OUT: u8 = 27;

pub(crate) async fn run(options: Box<SubOptions>) -> Result<u8, Failure> {
    let mut config = connect::configuration(&options.connect)?;
    if options.keep_session {
        config.clean_start = false;
        if config.version == ProtocolVersion::V5 {
            config.session_expiry = options.connect.session_expiry.unwrap_or(u32::MAX);
        }
    }
    // A message counts as received once it is printed.
    config.acknowledgement = Acknowledgement::Manual;
    let mut request = request(&options)?;
    options.connect.properties.apply(&mut request, &mut config)?;

    let mut client = connect::client(&options.connect, config)?;
    client
        .subscribe(request)
        .map_err(|error| Failure::new(format!("the subscription is not possible: {error}")))?;
    let printer = Printer { format: options.format, verbose: options.verbose, timestamp: options.timestamp };
    let result = follow(&mut client, &options, &printer).await;
    client.shut_down(Disconnect::default(), GOODBYE).await;
    result
}

fn request(options: &SubOptions) -> Result<Subscribe, Failure> {
    let mut filters = Vec::new();
    for topic in &options.topics {
        let filter = TopicFilter::try_from(topic.as_str())
            .map_err(|error| Failure::new(format!("topic (-t) {topic:?}: {error}")))?;
        filters.push(Subscription::new(filter, options.qos));
    }
    Ok(Subscribe::all(filters))
}

impl Target for Subscribe {
    fn set(&mut self, name: &str, values: &[String]) -> Result<bool, Failure> {
        match (name, values) {
            ("subscription-identifier", [value]) => self.identifier = Some(properties::number(name, value)?),
            ("user-property", [key, value]) => properties::push(&mut self.user_properties, key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Prints messages until one of the reasons to end.
async fn follow(client: &mut Client, options: &SubOptions, printer: &Printer) -> Result<u8, Failure> {
    let mut stop = core::pin::pin!(signals::stop()?);
    let mut time_out = core::pin::pin!(async {
        match options.timeout {
            Some(span) => tokio::time::sleep(span).await,
            None => core::future::pending().await,
        }
    });
    let mut was_connected = false;
    let mut left = options.count;
    loop {
        let event = tokio::select! {
            () = &mut stop => return Ok(0),
            () = &mut time_out => return Ok(TIMED_OUT),
            event = client.next_event() => event,
        };
        match event {
            Some(ClientEvent::Received { token, message, duplicate }) => {
                if !printer.print(client, token, &message, duplicate)? {
                    return Ok(0);
                }
                left = left.map(|left| left.saturating_sub(1));
                if left == Some(0) {
                    return Ok(0);
                }
            }
            Some(ClientEvent::Connected(_)) => was_connected = true,
            Some(ClientEvent::Subscribed { reasons, .. }) => granted(options, &reasons)?,
            Some(ClientEvent::Disconnected { reason }) => {
                let error = client.take_error();
                if !was_connected {
                    return Err(connect::no_connection(&options.connect, &reason, error.as_ref()));
                }
                tell(format_args!(
                    "connection lost: {}; connecting again",
                    connect::in_words(&reason, error.as_ref())
                ));
            }
            Some(ClientEvent::Discarded { topic, size }) => {
                let topic =
                    topic.map_or_else(|| String::from("unknown topic"), |topic| format!("topic {topic:?}"));
                tell(format_args!(
                    "passed over a packet of {size} bytes ({topic}); --property maximum-packet-size allows more"
                ));
            }
            Some(_) => {}
            None => {
                return Err(Failure::new(
                    "the client gave up: the server keeps sending what can't be accepted",
                ));
            }
        }
    }
}

/// Tells which filters the server refused; if all, there is nothing to wait for.
fn granted(options: &SubOptions, reasons: &[ReasonCode]) -> Result<(), Failure> {
    for (topic, reason) in options.topics.iter().zip(reasons).filter(|(_, reason)| reason.is_error()) {
        tell(format_args!("the server refused the subscription to {topic:?}: {reason}"));
    }
    if reasons.iter().all(|reason| reason.is_error()) {
        return Err(Failure::new("the server refused every subscription")
            .advice("may this user (-u) read these topics?"));
    }
    Ok(())
}

struct Printer {
    format: Format,
    verbose: bool,
    timestamp: bool,
}

impl Printer {
    /// Prints and acknowledges a message; `false` if nobody reads any more.
    fn print(
        &self,
        client: &Client,
        token: DeliveryToken,
        message: &Message,
        duplicate: bool,
    ) -> Result<bool, Failure> {
        let line = match self.format {
            Format::Text => self.text(message),
            Format::Json => self.json(message, duplicate),
        };
        let mut out = io::stdout().lock();
        match out.write_all(&line).and_then(|()| out.flush()) {
            Ok(()) => {
                client.acknowledge(token, ReasonCode::Success);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::new(format!("standard output can't be written: {error}"))),
        }
    }

    fn text(&self, message: &Message) -> Vec<u8> {
        let mut line = Vec::with_capacity(message.payload.len() + 1);
        if self.verbose {
            line.extend_from_slice(message.topic.as_bytes());
            line.push(b' ');
        }
        line.extend_from_slice(&message.payload);
        line.push(b'\n');
        line
    }

    fn json(&self, message: &Message, duplicate: bool) -> Vec<u8> {
        let mut object = Map::new();
        if self.timestamp {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            object.insert(String::from("timestamp"), json!(since.as_secs_f64()));
        }
        object.insert(String::from("topic"), json!(message.topic.as_str()));
        match core::str::from_utf8(&message.payload) {
            Ok(text) => object.insert(String::from("payload"), json!(text)),
            Err(_) => object.insert(String::from("payload_base64"), json!(STANDARD.encode(&message.payload))),
        };
        object.insert(String::from("qos"), json!(message.qos as u8));
        object.insert(String::from("retain"), json!(message.retain));
        object.insert(String::from("duplicate"), json!(duplicate));
        let properties = properties_in_json(&message.properties);
        if !properties.is_empty() {
            object.insert(String::from("properties"), Value::Object(properties));
        }
        let mut line = Value::Object(object).to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

fn properties_in_json(properties: &MessageProperties) -> Map<String, Value> {
    let identifiers: Vec<u32> = properties.subscription_identifiers.iter().collect();
    let user: Vec<[&str; 2]> = properties.user_properties.iter().map(|(name, value)| [name, value]).collect();
    let correlation = properties.correlation_data.as_ref();
    let entries = [
        (
            "payload-format-indicator",
            properties.payload_format.map(|format| json!(u8::from(format == PayloadFormat::Utf8))),
        ),
        ("message-expiry-interval", properties.message_expiry.map(|expiry| json!(expiry.as_secs()))),
        ("content-type", properties.content_type.as_ref().map(|text| json!(text.as_str()))),
        ("response-topic", properties.response_topic.as_ref().map(|topic| json!(topic.as_str()))),
        ("correlation-data", correlation.map(|data| json!(STANDARD.encode(data)))),
        ("subscription-identifiers", (!identifiers.is_empty()).then(|| json!(identifiers))),
        ("user-properties", (!user.is_empty()).then(|| json!(user))),
    ];
    entries.into_iter().filter_map(|(name, value)| Some((String::from(name), value?))).collect()
}
