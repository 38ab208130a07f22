//! `--property NAME VALUE`: the properties of 5.0 by their names in the specification.

use core::{str::FromStr, time::Duration};

use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind};
use mqtt_engine::{ClientConfig, MessageProperties, PayloadFormat, Text, TopicName, UserProperties};

use crate::failure::Failure;

/// All `--property` options, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedProperties(Vec<Named>);

#[derive(Clone, Debug)]
struct Named {
    name: String,
    values: Vec<String>,
}

/// What a command does with a property that is not about the connection.
pub(crate) trait Target {
    /// Takes the property, or tells that it has no place for it.
    fn set(&mut self, name: &str, values: &[String]) -> Result<bool, Failure>;
}

impl NamedProperties {
    /// Puts each property where it belongs: `target` is asked first, then the connection.
    pub(crate) fn apply(&self, target: &mut impl Target, config: &mut ClientConfig) -> Result<(), Failure> {
        if !self.0.is_empty() && config.version < mqtt_engine::packet::ProtocolVersion::V5 {
            return Err(
                Failure::new("properties exist in MQTT 5.0 only").advice("leave -V 311 or --property out")
            );
        }
        for Named { name, values } in &self.0 {
            if !(target.set(name, values)? || set_of_connection(config, name, values)?) {
                return Err(unknown(name));
            }
        }
        Ok(())
    }
}

impl Target for MessageProperties {
    fn set(&mut self, name: &str, values: &[String]) -> Result<bool, Failure> {
        match (name, values) {
            ("payload-format-indicator", [value]) => {
                self.payload_format = Some(match value.as_str() {
                    "0" => PayloadFormat::Unspecified,
                    "1" => PayloadFormat::Utf8,
                    _ => return Err(wrong(name, value, "it is 0 (bytes) or 1 (UTF-8 text)")),
                });
            }
            ("message-expiry-interval", [value]) => {
                self.message_expiry = Some(Duration::from_secs(number::<u32>(name, value)?.into()));
            }
            ("content-type", [value]) => self.content_type = Some(text(name, value)?),
            ("response-topic", [value]) => {
                let topic = TopicName::try_from(value.as_str())
                    .map_err(|error| wrong(name, value, &error.to_string()))?;
                self.response_topic = Some(topic);
            }
            ("correlation-data", [value]) => self.correlation_data = Some(Bytes::from(value.clone())),
            ("user-property", [key, value]) => push(&mut self.user_properties, key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(crate) fn push(list: &mut UserProperties, key: &str, value: &str) -> Result<(), Failure> {
    list.push(key, value).map_err(|error| wrong("user-property", key, &error.to_string()))
}

pub(crate) fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value
        .parse()
        .map_err(|_| wrong(name, value, "a number is needed, within the range that the specification allows"))
}

fn set_of_connection(config: &mut ClientConfig, name: &str, values: &[String]) -> Result<bool, Failure> {
    let [value] = values else { return Ok(false) };
    match name {
        "session-expiry-interval" => config.session_expiry = number(name, value)?,
        "receive-maximum" => config.receive_maximum = number::<core::num::NonZeroU16>(name, value)?.get(),
        "maximum-packet-size" => {
            config.maximum_packet_size = number::<core::num::NonZeroU32>(name, value)?.get()
        }
        "topic-alias-maximum" => config.topic_alias_maximum = number(name, value)?,
        "request-response-information" => config.request_response_information = flag(name, value)?,
        "request-problem-information" => config.request_problem_information = flag(name, value)?,
        "will-delay-interval" => {
            let delay = Duration::from_secs(number::<u32>(name, value)?.into());
            let Some(will) = &mut config.will else {
                return Err(Failure::new("will-delay-interval needs a will").advice("add --will-topic"));
            };
            will.delay = delay;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn flag(name: &str, value: &str) -> Result<bool, Failure> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(wrong(name, value, "it is 0 or 1")),
    }
}

fn text(name: &str, value: &str) -> Result<Text, Failure> {
    Text::try_from(value).map_err(|error| wrong(name, value, &error.to_string()))
}

fn wrong(name: &str, value: &str, why: &str) -> Failure {
    Failure::new(format!("--property {name} {value:?}: {why}"))
}

fn unknown(name: &str) -> Failure {
    Failure::new(format!("--property {name}: this command sends no such property")).advice(
        "Connection: session-expiry-interval, receive-maximum, maximum-packet-size, topic-alias-maximum, \
         request-response-information, request-problem-information, will-delay-interval. `pub`: \
         payload-format-indicator, message-expiry-interval, content-type, response-topic, correlation-data, \
         user-property NAME VALUE. `sub`: subscription-identifier, user-property NAME VALUE.",
    )
}

const OPTION: &str = "property";

// By hand, because a derived field would run the occurrences together.
impl Args for NamedProperties {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new(OPTION)
                .long(OPTION)
                .num_args(2..=3)
                .value_names(["NAME", "VALUE"])
                .action(ArgAction::Append)
                .help(
                    "A 5.0 property by its name in the specification: content-type text/plain, message-expiry-interval 60, \
                     user-property NAME VALUE, and so on; may be repeated",
                ),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NamedProperties {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut all = Vec::new();
        for occurrence in matches.get_occurrences::<String>(OPTION).into_iter().flatten() {
            let mut words = occurrence.cloned();
            let name = words.next().unwrap_or_default();
            let values: Vec<_> = words.collect();
            let expected = if name == "user-property" { 2 } else { 1 };
            if values.len() != expected {
                let message = format!("--property {name} takes {expected} value(s), not {}\n", values.len());
                return Err(clap::Error::raw(ErrorKind::WrongNumberOfValues, message));
            }
            all.push(Named { name, values });
        }
        Ok(Self(all))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
