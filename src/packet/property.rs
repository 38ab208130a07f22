//! One property (5.0 section 2.2.2).

use super::{
    DecodeError, EncodeError, Fault, PacketType, VariableByteInteger,
    codec::{Binary, Codec, Flag, Format, Four, Level, Pair, Text, Two, Variable},
    cursor::Cursor,
    sink::{Sink, invalid},
};
use crate::{PayloadFormat, QoS, SubscriptionIdentifiers, TopicError, UserProperties, topic::check_name};

/// Where properties stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Packet(PacketType),
    Will,
}

impl Place {
    /// One bit for each place. There is no packet type 0, so its bit is the will's.
    const fn bit(self) -> u16 {
        match self {
            Self::Packet(packet) => 1 << packet.as_u8(),
            Self::Will => 1,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Packet(packet) => packet.name(),
            Self::Will => "will",
        }
    }
}

const WILL: u16 = Place::Will.bit();
const CONNECT: u16 = Place::Packet(PacketType::Connect).bit();
const CONNACK: u16 = Place::Packet(PacketType::ConnAck).bit();
const PUBLISH: u16 = Place::Packet(PacketType::Publish).bit();
const SUBSCRIBE: u16 = Place::Packet(PacketType::Subscribe).bit();
const UNSUBSCRIBE: u16 = Place::Packet(PacketType::Unsubscribe).bit();
const DISCONNECT: u16 = Place::Packet(PacketType::Disconnect).bit();
const AUTH: u16 = Place::Packet(PacketType::Auth).bit();
/// Whatever describes a message.
const MESSAGE: u16 = PUBLISH | WILL;
/// Whatever has a reason.
const ANSWER: u16 = CONNACK
    | Place::Packet(PacketType::PubAck).bit()
    | Place::Packet(PacketType::PubRec).bit()
    | Place::Packet(PacketType::PubRel).bit()
    | Place::Packet(PacketType::PubComp).bit()
    | Place::Packet(PacketType::SubAck).bit()
    | Place::Packet(PacketType::UnsubAck).bit()
    | DISCONNECT
    | AUTH;
const ANY: u16 = CONNECT | MESSAGE | SUBSCRIBE | UNSUBSCRIBE | ANSWER;

/// What there is to know of an identifier before its value is read.
#[derive(Clone, Copy, Debug)]
struct Spec {
    name: &'static str,
    places: u16,
}

/// Declares the properties: variant, what it holds, identifier, name, codec of the value, places that may have it, and
/// how [`Properties`](super::Properties) tells of one that is there once.
macro_rules! properties {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident($($field:ident: $value:ty),+) = $id:literal, $name:literal, $codec:ident, $places:expr
        $(, $accessor:ident -> $returned:ty)?;
    )+) => {
        /// A property (5.0 section 2.2.2.2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::exhaustive_enums, reason = "the specification has these twenty-seven")]
        pub enum Property<'a> {
            $($(#[doc = $doc])+ $variant($($value),+),)+
        }

        impl<'a> Property<'a> {
            /// Its identifier on the wire.
            #[must_use]
            pub const fn id(&self) -> u8 {
                match self {
                    $(Self::$variant(..) => $id,)+
                }
            }

            /// Its name in the specification, in lower case.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(..) => $name,)+
                }
            }

            const fn spec(id: u8) -> Option<Spec> {
                match id {
                    $($id => Some(Spec { name: $name, places: $places }),)+
                    _ => None,
                }
            }

            /// Reads the value of an identifier that has a [`Spec`].
            fn read_value(id: u8, cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
                Ok(match id {
                    $($id => {
                        let ($($field,)+) = $codec::read(cursor, $name)?;
                        Self::$variant($($field),+)
                    })+
                    _ => {
                        let fault = Fault::PropertyUnknown(id.into());
                        return Err(DecodeError { offset: cursor.at(), field: IDENTIFIER, fault });
                    }
                })
            }

            /// Steps over the value of an identifier without looking at it.
            fn skip_value(id: u8, cursor: &mut Cursor<'a>) -> Option<()> {
                match id {
                    $($id => $codec::skip(cursor),)+
                    _ => None,
                }
            }

            /// Writes identifier and value.
            pub(super) fn write(&self, sink: &mut impl Sink) {
                sink.u8(self.id());
                match *self {
                    $(Self::$variant($($field),+) => $codec::write(sink, ($($field,)+)),)+
                }
            }

            /// Checks what the type of the value leaves open: lengths, and characters of strings.
            fn check_form(&self) -> Result<(), EncodeError> {
                match *self {
                    $(Self::$variant($($field),+) => $codec::check($name, ($($field,)+)),)+
                }
            }
        }

        /// The properties that a packet has at most once.
        impl<'a> super::Properties<'a> {
            $($(
                #[doc = concat!("The ", $name, ", if there is one.")]
                #[must_use]
                pub fn $accessor(&self) -> Option<$returned> {
                    if let Some(Property::$variant(value)) = self.find($id) { Some(value) } else { None }
                }
            )?)+
        }
    };
}

properties! {
    /// Whether the payload is text.
    PayloadFormatIndicator(value: PayloadFormat) = 0x01, "payload format indicator", Format, MESSAGE,
        payload_format_indicator -> PayloadFormat;
    /// For how many seconds the message is of use.
    MessageExpiryInterval(value: u32) = 0x02, "message expiry interval", Four, MESSAGE, message_expiry_interval -> u32;
    /// What the payload is.
    ContentType(value: &'a str) = 0x03, "content type", Text, MESSAGE, content_type -> &'a str;
    /// Where an answer is expected.
    ResponseTopic(value: &'a str) = 0x08, "response topic", Text, MESSAGE, response_topic -> &'a str;
    /// What the asker knows the answer by.
    CorrelationData(value: &'a [u8]) = 0x09, "correlation data", Binary, MESSAGE, correlation_data -> &'a [u8];
    /// The number that a subscriber gave its subscription, 1 to 268,435,455. A PUBLISH may carry several.
    SubscriptionIdentifier(value: u32) = 0x0B, "subscription identifier", Variable, PUBLISH | SUBSCRIBE, subscription_identifier -> u32;
    /// How many seconds the session outlives the connection; `u32::MAX` for ever.
    SessionExpiryInterval(value: u32) = 0x11, "session expiry interval", Four, CONNECT | CONNACK | DISCONNECT, session_expiry_interval -> u32;
    /// The identifier that the server gave a client without one.
    AssignedClientIdentifier(value: &'a str) = 0x12, "assigned client identifier", Text, CONNACK,
        assigned_client_identifier -> &'a str;
    /// The keep alive in seconds that the server wants instead of the client's.
    ServerKeepAlive(value: u16) = 0x13, "server keep alive", Two, CONNACK, server_keep_alive -> u16;
    /// The name of the authentication method.
    AuthenticationMethod(value: &'a str) = 0x15, "authentication method", Text, CONNECT | CONNACK | AUTH, authentication_method -> &'a str;
    /// What the authentication method exchanges.
    AuthenticationData(value: &'a [u8]) = 0x16, "authentication data", Binary, CONNECT | CONNACK | AUTH, authentication_data -> &'a [u8];
    /// Whether the server may send reason strings and user properties with failures of every kind.
    RequestProblemInformation(value: bool) = 0x17, "request problem information", Flag, CONNECT,
        request_problem_information -> bool;
    /// How many seconds the server waits before it publishes the will.
    WillDelayInterval(value: u32) = 0x18, "will delay interval", Four, WILL, will_delay_interval -> u32;
    /// Whether the client wants response information.
    RequestResponseInformation(value: bool) = 0x19, "request response information", Flag, CONNECT,
        request_response_information -> bool;
    /// What response topics are made of.
    ResponseInformation(value: &'a str) = 0x1A, "response information", Text, CONNACK, response_information -> &'a str;
    /// Another server to use.
    ServerReference(value: &'a str) = 0x1C, "server reference", Text, CONNACK | DISCONNECT, server_reference -> &'a str;
    /// The reason in words for people.
    ReasonString(value: &'a str) = 0x1F, "reason string", Text, ANSWER, reason_string -> &'a str;
    /// How many unacknowledged QoS 1 and 2 messages the sender of this takes at a time; not 0.
    ReceiveMaximum(value: u16) = 0x21, "receive maximum", Two, CONNECT | CONNACK, receive_maximum -> u16;
    /// The largest topic alias that the sender of this takes; 0 for none.
    TopicAliasMaximum(value: u16) = 0x22, "topic alias maximum", Two, CONNECT | CONNACK, topic_alias_maximum -> u16;
    /// A number that stands for the topic; not 0.
    TopicAlias(value: u16) = 0x23, "topic alias", Two, PUBLISH, topic_alias -> u16;
    /// The highest quality of service that the server takes: 0 or 1.
    MaximumQoS(value: QoS) = 0x24, "maximum QoS", Level, CONNACK, maximum_qos -> QoS;
    /// Whether the server keeps retained messages.
    RetainAvailable(value: bool) = 0x25, "retain available", Flag, CONNACK, retain_available -> bool;
    /// A pair of the application. Any number of them.
    UserProperty(name: &'a str, value: &'a str) = 0x26, "user property", Pair, ANY;
    /// The largest packet that the sender of this takes, with its fixed header; not 0.
    MaximumPacketSize(value: u32) = 0x27, "maximum packet size", Four, CONNECT | CONNACK, maximum_packet_size -> u32;
    /// Whether the server has subscriptions with wildcards.
    WildcardSubscriptionAvailable(value: bool) = 0x28, "wildcard subscription available", Flag, CONNACK,
        wildcard_subscription_available -> bool;
    /// Whether the server has subscription identifiers.
    SubscriptionIdentifierAvailable(value: bool) = 0x29, "subscription identifier available", Flag, CONNACK,
        subscription_identifier_available -> bool;
    /// Whether the server has shared subscriptions.
    SharedSubscriptionAvailable(value: bool) = 0x2A, "shared subscription available", Flag, CONNACK,
        shared_subscription_available -> bool;
}

const IDENTIFIER: &str = "property identifier";

impl<'a> Property<'a> {
    pub(super) const AUTHENTICATION_DATA: &'static str = "authentication data";

    /// The next property of a section that was checked before; `None` at its end.
    pub(super) fn next(cursor: &mut Cursor<'a>) -> Option<Self> {
        let id = cursor.u8(IDENTIFIER).ok()?;
        Self::read_value(id, cursor).ok()
    }

    /// The same without reading its value: its identifier.
    pub(super) fn next_id(cursor: &mut Cursor<'a>) -> Option<u8> {
        let id = cursor.u8(IDENTIFIER).ok()?;
        Self::skip_value(id, cursor)?;
        Some(id)
    }

    /// Checks the values that the specification forbids.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others may have any value")]
    fn check_value(&self) -> Result<(), Fault> {
        match *self {
            Self::ReceiveMaximum(0) | Self::MaximumPacketSize(0) | Self::MaximumQoS(QoS::ExactlyOnce) => {
                Err(Fault::PropertyValue(self.name()))
            }
            // [MQTT-3.3.2-8] (5.0)
            Self::TopicAlias(0) => Err(Fault::TopicAliasZero),
            Self::SubscriptionIdentifier(0) => Err(Fault::SubscriptionIdentifierZero),
            Self::SubscriptionIdentifier(identifier) if identifier > VariableByteInteger::MAX => {
                Err(Fault::PropertyValue(self.name()))
            }
            Self::ResponseTopic(topic) => match check_name(topic) {
                Ok(()) => Ok(()),
                Err(TopicError::Empty) => Err(Fault::ResponseTopicEmpty),
                // [MQTT-3.3.2-14] (5.0)
                Err(_) => Err(Fault::ResponseTopicWildcard),
            },
            _ => Ok(()),
        }
    }
}

/// The rules about which properties stand together, for decoding and encoding.
#[derive(Debug)]
pub(super) struct Seen {
    place: Place,
    ids: u64,
}

impl Seen {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, ids: 0 }
    }

    /// A bit for each identifier that was admitted.
    pub(super) const fn ids(&self) -> u64 {
        self.ids
    }

    /// Reads the next property and checks it.
    pub(super) fn read<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Property<'a>, DecodeError> {
        let offset = cursor.at();
        let number = cursor.variable(IDENTIFIER)?;
        let known = u8::try_from(number).ok().and_then(|id| Some((id, Property::spec(id)?)));
        let Some((id, spec)) = known else {
            return Err(DecodeError { offset, field: IDENTIFIER, fault: Fault::PropertyUnknown(number) });
        };
        self.admit(id, spec).map_err(|fault| DecodeError { offset, field: spec.name, fault })?;
        let value = cursor.at();
        let property = Property::read_value(id, cursor)?;
        property.check_value().map_err(|fault| DecodeError { offset: value, field: spec.name, fault })?;
        Ok(property)
    }

    /// Checks a property that is to be sent.
    pub(super) fn check(&mut self, property: &Property<'_>) -> Result<(), EncodeError> {
        let name = property.name();
        if let Some(spec) = Property::spec(property.id()) {
            self.admit(property.id(), spec).map_err(|fault| invalid(name, fault))?;
        }
        property.check_form()?;
        property.check_value().map_err(|fault| invalid(name, fault))
    }

    /// Checks what only all of them together tell.
    pub(super) const fn finish(&self) -> Result<(), Fault> {
        const METHOD: u64 = 1 << 0x15;
        const DATA: u64 = 1 << 0x16;
        if self.ids & (METHOD | DATA) == DATA {
            return Err(Fault::AuthenticationDataWithoutMethod);
        }
        Ok(())
    }

    /// Whether a property may stand here, and again.
    const fn admit(&mut self, id: u8, spec: Spec) -> Result<(), Fault> {
        if spec.places & self.place.bit() == 0 {
            return Err(Fault::PropertyNotAllowed { property: spec.name, within: self.place.name() });
        }
        // Every identifier is below 64.
        let bit = 1 << id;
        if self.ids & bit != 0 && !self.may_repeat(id) {
            return Err(Fault::PropertyTwice(spec.name));
        }
        self.ids |= bit;
        Ok(())
    }

    const fn may_repeat(&self, id: u8) -> bool {
        match id {
            UserProperties::ID => true,
            SubscriptionIdentifiers::ID => matches!(self.place, Place::Packet(PacketType::Publish)),
            _ => false,
        }
    }
}
