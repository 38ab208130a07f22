//! One property (5.0 section 2.2.2).

use crate::{PayloadFormat, QoS};

/// Declares the properties: variant, what it holds, identifier, name, codec of the value, packets that may carry it.
macro_rules! properties {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident($($value:ty),+) = $id:literal, $name:literal, $codec:ident, $places:expr
        $(, $accessor:ident -> $returned:ty)?;
    )+) => {
        /// A property (5.0 section 2.2.2.2).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::exhaustive_enums, reason = "the specification has these twenty-seven")]
        pub enum Property<'a> {
            $($(#[doc = $doc])+ $variant($($value),+),)+
        }

        impl Property<'_> {
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
    PayloadFormatIndicator(PayloadFormat) = 0x01, "payload format indicator", format, 0,
        payload_format_indicator -> PayloadFormat;
    /// For how many seconds the message is of use.
    MessageExpiryInterval(u32) = 0x02, "message expiry interval", four, 0, message_expiry_interval -> u32;
    /// What the payload is.
    ContentType(&'a str) = 0x03, "content type", text, 0, content_type -> &'a str;
    /// Where an answer is expected.
    ResponseTopic(&'a str) = 0x08, "response topic", text, 0, response_topic -> &'a str;
    /// What the asker knows the answer by.
    CorrelationData(&'a [u8]) = 0x09, "correlation data", binary, 0, correlation_data -> &'a [u8];
    /// The number that a subscriber gave its subscription, 1 to 268,435,455. A PUBLISH may carry several.
    SubscriptionIdentifier(u32) = 0x0B, "subscription identifier", variable, 0, subscription_identifier -> u32;
    /// How many seconds the session outlives the connection; `u32::MAX` for ever.
    SessionExpiryInterval(u32) = 0x11, "session expiry interval", four, 0, session_expiry_interval -> u32;
    /// The identifier that the server gave a client without one.
    AssignedClientIdentifier(&'a str) = 0x12, "assigned client identifier", text, 0,
        assigned_client_identifier -> &'a str;
    /// The keep alive in seconds that the server wants instead of the client's.
    ServerKeepAlive(u16) = 0x13, "server keep alive", two, 0, server_keep_alive -> u16;
    /// The name of the authentication method.
    AuthenticationMethod(&'a str) = 0x15, "authentication method", text, 0, authentication_method -> &'a str;
    /// What the authentication method exchanges.
    AuthenticationData(&'a [u8]) = 0x16, "authentication data", binary, 0, authentication_data -> &'a [u8];
    /// Whether the server may send reason strings and user properties with failures of every kind.
    RequestProblemInformation(bool) = 0x17, "request problem information", flag, 0,
        request_problem_information -> bool;
    /// How many seconds the server waits before it publishes the will.
    WillDelayInterval(u32) = 0x18, "will delay interval", four, 0, will_delay_interval -> u32;
    /// Whether the client wants response information.
    RequestResponseInformation(bool) = 0x19, "request response information", flag, 0,
        request_response_information -> bool;
    /// What response topics are made of.
    ResponseInformation(&'a str) = 0x1A, "response information", text, 0, response_information -> &'a str;
    /// Another server to use.
    ServerReference(&'a str) = 0x1C, "server reference", text, 0, server_reference -> &'a str;
    /// The reason in words for people.
    ReasonString(&'a str) = 0x1F, "reason string", text, 0, reason_string -> &'a str;
    /// How many unacknowledged QoS 1 and 2 messages the sender of this takes at a time; not 0.
    ReceiveMaximum(u16) = 0x21, "receive maximum", two, 0, receive_maximum -> u16;
    /// The largest topic alias that the sender of this takes; 0 for none.
    TopicAliasMaximum(u16) = 0x22, "topic alias maximum", two, 0, topic_alias_maximum -> u16;
    /// A number that stands for the topic; not 0.
    TopicAlias(u16) = 0x23, "topic alias", two, 0, topic_alias -> u16;
    /// The highest quality of service that the server takes: 0 or 1.
    MaximumQoS(QoS) = 0x24, "maximum QoS", level, 0, maximum_qos -> QoS;
    /// Whether the server keeps retained messages.
    RetainAvailable(bool) = 0x25, "retain available", flag, 0, retain_available -> bool;
    /// A pair of the application. Any number of them.
    UserProperty(&'a str, &'a str) = 0x26, "user property", pair, 0;
    /// The largest packet that the sender of this takes, with its fixed header; not 0.
    MaximumPacketSize(u32) = 0x27, "maximum packet size", four, 0, maximum_packet_size -> u32;
    /// Whether the server has subscriptions with wildcards.
    WildcardSubscriptionAvailable(bool) = 0x28, "wildcard subscription available", flag, 0,
        wildcard_subscription_available -> bool;
    /// Whether the server has subscription identifiers.
    SubscriptionIdentifierAvailable(bool) = 0x29, "subscription identifier available", flag, 0,
        subscription_identifier_available -> bool;
    /// Whether the server has shared subscriptions.
    SharedSubscriptionAvailable(bool) = 0x2A, "shared subscription available", flag, 0,
        shared_subscription_available -> bool;
}
