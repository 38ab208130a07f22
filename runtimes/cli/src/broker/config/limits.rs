//! Every limit of the engine, by the engine's name for it.

use core::{fmt::Write, ops::RangeInclusive, time::Duration};

use mqtt_engine::{BrokerConfig, QoS, Text};
use serde::{Deserialize, de::DeserializeOwned};
use toml::Spanned;

use super::source::Source;
use crate::{failure::Failure, options::Limits};

/// A kind of setting, as it is written in a file.
trait Setting: Sized {
    type Written: DeserializeOwned;
    fn from_written(written: Self::Written, range: &RangeInclusive<u64>) -> Result<Self, String>;
    fn write(&self) -> String;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Setting for $number {
            type Written = u64;

            fn from_written(written: u64, range: &RangeInclusive<u64>) -> Result<Self, String> {
                in_range(written, range)?;
                written.try_into().map_err(|_| format!("{written} is too much: at most {}", Self::MAX))
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
numbers!(u16, u32, usize);

impl Setting for bool {
    type Written = Self;

    fn from_written(written: Self, _: &RangeInclusive<u64>) -> Result<Self, String> {
        Ok(written)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

/// In seconds.
impl Setting for Duration {
    type Written = f64;

    fn from_written(written: f64, range: &RangeInclusive<u64>) -> Result<Self, String> {
        match Self::try_from_secs_f64(written) {
            Ok(span) if !span.is_zero() || range.contains(&0) => Ok(span),
            Ok(_) => Err(String::from("a number of seconds above 0 is needed")),
            Err(_) => Err(String::from("a number of seconds is needed")),
        }
    }

    fn write(&self) -> String {
        self.as_secs_f64().to_string()
    }
}

impl Setting for QoS {
    type Written = u64;

    fn from_written(written: u64, _: &RangeInclusive<u64>) -> Result<Self, String> {
        let level = u8::try_from(written).ok().and_then(Self::from_u8);
        level.ok_or_else(|| String::from("0, 1 or 2 is needed"))
    }

    fn write(&self) -> String {
        (*self as u8).to_string()
    }
}

impl Setting for Text {
    type Written = String;

    fn from_written(written: String, _: &RangeInclusive<u64>) -> Result<Self, String> {
        let text = Self::try_from(written).map_err(|error| error.to_string())?;
        if text.as_str().contains(['+', '#', '/', '$']) {
            return Err(String::from("+, #, / and $ have a meaning in topics and may not stand in it"));
        }
        Ok(text)
    }

    fn write(&self) -> String {
        format!("{:?}", self.as_str())
    }
}

fn in_range(value: u64, range: &RangeInclusive<u64>) -> Result<(), String> {
    match (range.contains(&value), value) {
        (true, _) => Ok(()),
        (false, 0) => Err(String::from("0 makes no sense: at least 1 is needed")),
        (false, _) if value < *range.start() => {
            Err(format!("{value} is too little: at least {}", range.start()))
        }
        (false, _) => Err(format!("{value} is too much: at most {}", range.end())),
    }
}

/// The table of limits: name in the file, place in the engine's settings, kind, range and what it is.
macro_rules! limits {
    ($($name:ident = $($place:ident).+: $kind:ty, $range:expr, $about:literal;)*) => {
        /// The section `[limits]`.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct RawLimits {
            $($name: Option<Spanned<<$kind as Setting>::Written>>,)*
        }

        impl RawLimits {
            pub(crate) fn apply(self, source: &Source, config: &mut BrokerConfig) -> Result<(), Failure> {
                $(if let Some(written) = self.$name {
                    let span = written.span();
                    config.$($place).+ = <$kind>::from_written(written.into_inner(), &$range)
                        .map_err(|reason| source.fault(&span, format_args!("{}: {reason}", stringify!($name))))?;
                })*
                Ok(())
            }
        }

        /// The section with the defaults, each below what it is.
        pub(crate) fn template(out: &mut String) {
            let config = BrokerConfig::new();
            $(
                for line in $about.lines() {
                    let _ = writeln!(out, "# {}", line.trim());
                }
                let _ = writeln!(out, "{} = {}", stringify!($name), config.$($place).+.write());
            )*
        }

        fn range(place: &[&str]) -> RangeInclusive<u64> {
            $(if place == [$(stringify!($place)),+] {
                return $range;
            })*
            0..=u64::MAX
        }

        #[cfg(test)]
        const PLACES: &[&[&str]] = &[$(&[$(stringify!($place)),+]),*];
    };
}

const ANY: RangeInclusive<u64> = 0..=u64::MAX;
const SOME: RangeInclusive<u64> = 1..=u64::MAX;

limits! {
    maximum_packet_size = connection.maximum_packet_size: u32, 16..=268_435_460,
        "The largest packet that is accepted, in bytes.";
    connect_bytes = connection.connect_bytes: u32, 64..=268_435_460,
        "The largest first packet (CONNECT) that is accepted, in bytes: all that somebody unknown can make the broker hold.";
    connect_timeout = connection.connect_timeout: Duration, SOME,
        "How long a client may take until it is connected, in seconds, the check of its password included.";
    maximum_keep_alive = connection.maximum_keep_alive: u16, ANY,
        "The longest keep alive granted, in seconds; 0 for any.";
    receive_maximum = connection.receive_maximum: u16, SOME,
        "Messages of QoS 1 and 2 that a client may send before the first is acknowledged.";
    inflight_maximum = connection.inflight_maximum: u16, SOME,
        "Messages of QoS 1 and 2 that are sent to a client before it acknowledges the first.";
    topic_alias_maximum = connection.topic_alias_maximum: u16, ANY,
        "Topic aliases that a client may use; 0 for none. 5.0 only.";
    outbound_topic_aliases = connection.outbound_topic_aliases: u16, ANY,
        "Topic aliases that are used towards a client; 0 for none. 5.0 only.";
    outbox_bytes = connection.outbox_bytes: usize, SOME,
        "Bytes that wait for a slow connection before further messages stay in its session's queue.";
    queue_count = connection.queue_count: usize, SOME,
        "Messages that wait in one session.";
    queue_bytes = connection.queue_bytes: usize, SOME,
        "Bytes of messages that wait in one session.";
    subscriber_patience = subscriber_patience: Duration, ANY,
        "How long publishers of QoS 1 and 2 wait for a connected subscriber whose queue is more than half full, in seconds;
         0 for not at all.";
    queue_qos0 = queue_qos0: bool, ANY,
        "Whether messages of QoS 0 wait for clients that are away, too.";
    session_expiry_maximum = connection.session_expiry_maximum: u32, ANY,
        "The longest session expiry granted, in seconds; 4294967295 is for ever, 0 keeps no session.
         For a 3.1.1 client without clean session it is the expiry.";
    connections = connection_count: usize, SOME,
        "Connections at one time.";
    sessions = session_count: usize, SOME,
        "Sessions, connected or kept.";
    subscriptions_per_session = subscriptions_per_session: usize, SOME,
        "Subscriptions of one session.";
    maximum_qos = connection.maximum_qos: QoS, 0..=2,
        "The highest quality of service.";
    retain_available = connection.retain_available: bool, ANY,
        "Whether messages are retained.";
    wildcard_subscriptions = connection.wildcard_subscriptions: bool, ANY,
        "Whether filters may have wildcards.";
    subscription_identifiers = connection.subscription_identifiers: bool, ANY,
        "Whether subscriptions may have identifiers. 5.0 only.";
    shared_subscriptions = connection.shared_subscriptions: bool, ANY,
        "Whether subscriptions may be shared.";
    check_payload_format = check_payload_format: bool, ANY,
        "Whether a payload that is announced as text must be UTF-8.";
    topic_levels = topic_levels: usize, SOME,
        "Levels of a topic or filter.";
    retained_count = retained_count: usize, SOME,
        "Retained messages.";
    retained_bytes = retained_bytes: usize, SOME,
        "Bytes of retained messages.";
    allow_empty_client_id = allow_empty_client_id: bool, ANY,
        "Whether a client without a name gets one.";
    client_id_prefix = client_id_prefix: Text, ANY,
        "What such names begin with; a number follows.";
    sessions_belong_to_users = sessions_belong_to_users: bool, ANY,
        "Whether a session can only be resumed by the user that made it.";
    events = events: usize, SOME,
        "Events that wait for the log; further ones are only counted.";
}

/// Puts the limits of the command line in place of the file's.
pub(crate) fn override_with(options: &Limits, config: &mut BrokerConfig) -> Result<(), Failure> {
    macro_rules! set {
        ($($($place:ident).+ <- $option:ident $text:literal;)*) => {
            $(if let Some(value) = options.$option {
                in_range(value as u64, &range(&[$(stringify!($place)),+]))
                    .map_err(|reason| Failure::new(format!("{} {value}: {reason}", $text)))?;
                config.$($place).+ = value;
            })*
        };
    }
    set! {
        connection.maximum_packet_size <- max_packet_size "--max-packet-size";
        connection_count <- max_connections "--max-connections";
        session_count <- max_sessions "--max-sessions";
        subscriptions_per_session <- max_subscriptions "--max-subscriptions";
        connection.session_expiry_maximum <- max_session_expiry "--max-session-expiry";
        connection.maximum_keep_alive <- max_keep_alive "--max-keep-alive";
        connection.receive_maximum <- receive_maximum "--receive-maximum";
        connection.inflight_maximum <- max_inflight "--max-inflight";
        connection.queue_count <- queue_count "--queue-count";
        connection.queue_bytes <- queue_bytes "--queue-bytes";
        retained_count <- retained_count "--retained-count";
        retained_bytes <- retained_bytes "--retained-bytes";
        connection.topic_alias_maximum <- topic_alias_maximum "--topic-alias-maximum";
    }
    if let Some(span) = options.connect_timeout {
        config.connection.connect_timeout = span;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_engine_has_a_place_in_the_file() {
        let debug = format!("{:#?}", BrokerConfig::new());
        let mut fields = Vec::new();
        for line in debug.lines() {
            let Some((name, _)) = line.split_once(':') else { continue };
            // Fields of the struct itself are indented once, those of its connections twice.
            match (name.trim_start(), name.len() - name.trim_start().len()) {
                ("connection", 4) => {}
                // Decided by the sections about access, or for programs that can do more than this one.
                ("authentication_methods" | "response_information", 4) => {}
                (name, 4) if name.starts_with("ask_") => {}
                // Decided by the broker.
                ("enhanced_authentication" | "requests", 8) => {}
                (name, 4) => fields.push(vec![name]),
                (name, _) => fields.push(vec!["connection", name]),
            }
        }
        let mut places = PLACES.to_vec();
        places.sort_unstable();
        fields.sort_unstable();
        assert_eq!(fields, places);
    }

    #[test]
    fn the_template_changes_nothing() {
        let mut text = String::new();
        template(&mut text);
        let source = Source::of(&text);
        let mut config = BrokerConfig::new();
        source.parse::<RawLimits>().unwrap().apply(&source, &mut config).unwrap();
        assert_eq!(config, BrokerConfig::new());
    }
}
