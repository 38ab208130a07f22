//! The rules that are judged, with the statements that demand them.

use mqtt_engine::packet::ProtocolVersion;

use super::Role;

/// Declares the rules: what the party did when it broke one, and the statements for a client and for a server, each in 3.1.1
/// (and 3.1) and 5.0. Where there is none, the rule does not concern that party in that version.
macro_rules! rules {
    ($(#[doc = $doc:literal] $name:ident: client $client_3:literal $client_5:literal, server $server_3:literal $server_5:literal;)+) => {
        /// What the checker judges. The text of each rule says how it is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $doc] $name,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// How it is broken.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $doc.trim_ascii(),)+
                }
            }

            /// The numbered statements, or the section, that demand it of a party; empty if nothing does. 3.1 has no numbers: those of
            /// 3.1.1 stand for it.
            #[must_use]
            pub fn statements(self, role: Role, version: ProtocolVersion) -> &'static str {
                let (client, server) = match self {
                    $(Self::$name => ([$client_3, $client_5], [$server_3, $server_5]),)+
                };
                let of_role = match role {
                    Role::Client => client,
                    Role::Server => server,
                };
                of_role[usize::from(version >= ProtocolVersion::V5)]
            }
        }
    };
}

rules! {
    // Form and direction.
    /// A packet that can't be decoded; the statement is the one that the fault violates.
    Malformed: client "section 2.2" "section 2.1", server "section 2.2" "section 2.1";
    /// A packet that only the other side sends.
    Direction: client "section 2.2.1" "section 2.1.2", server "section 2.2.1" "section 2.1.2";

    // Making a connection.
    /// Something other than CONNECT came first.
    ConnectFirst: client "MQTT-3.1.0-1" "MQTT-3.1.0-1", server "" "";
    /// A second CONNECT on one connection.
    ConnectOnce: client "MQTT-3.1.0-2" "MQTT-3.1.0-2", server "" "";
    /// A client identifier that its version does not allow.
    ClientIdentifier: client "MQTT-3.1.3-7" "", server "" "";
    /// Something other than CONNACK (or AUTH) came first.
    ConnAckFirst: client "" "", server "MQTT-3.2.0-1" "MQTT-3.2.0-1";
    /// A second CONNACK on one connection.
    ConnAckOnce: client "" "", server "section 3.2" "MQTT-3.2.0-2";
    /// CONNACK without a CONNECT.
    ConnAckUnasked: client "" "", server "section 3.2" "section 3.2";
    /// CONNACK after a CONNECT that can't be decoded, where the connection is to be closed without a word.
    MalformedConnectAnswered: client "" "", server "MQTT-3.1.4-1" "";
    /// A version that is not supported is answered with another code.
    ProtocolVersionCode: client "" "", server "MQTT-3.1.2-2" "MQTT-3.1.2-2";
    /// An empty client identifier without a clean session is not refused as such.
    EmptyClientIdentifierCode: client "" "", server "MQTT-3.1.3-8" "";
    /// A client without an identifier is accepted and not told the one that it got.
    AssignedClientIdentifier: client "" "", server "" "MQTT-3.1.3-7 MQTT-3.2.2-16";
    /// A connection is accepted although the will has a higher QoS than the server announces to take.
    WillQoS: client "" "", server "" "MQTT-3.2.2-12";
    /// A connection is accepted although its will is to be retained and the server announces to retain nothing.
    WillRetain: client "" "", server "" "MQTT-3.2.2-13";
    /// Response information that was not asked for.
    ResponseInformation: client "" "", server "" "MQTT-3.1.2-28";
    /// A packet after a CONNACK that refused the connection.
    AfterRefusal: client "" "", server "MQTT-3.2.2-5 MQTT-3.1.4-5" "MQTT-3.2.2-7 MQTT-3.1.4-6 MQTT-4.13.2-1";
    /// The older connection of a session goes on after a newer one was accepted.
    TakeoverEnds: client "" "", server "MQTT-3.1.4-2" "MQTT-3.1.4-3";
    /// The older connection of a session ends without the word that it was taken over.
    TakeoverTold: client "" "", server "" "MQTT-3.1.4-3";

    // Sessions.
    /// Session present after a clean start.
    PresentAfterCleanStart: client "" "", server "MQTT-3.2.2-1 MQTT-3.1.2-6" "MQTT-3.2.2-2 MQTT-3.1.2-4";
    /// Session present although there can be none.
    PresentWithoutSession: client "" "", server "MQTT-3.2.2-3" "MQTT-3.2.2-3";
    /// Session present although the session has expired.
    PresentAfterExpiry: client "" "", server "" "MQTT-4.1.0-2";
    /// Session not present although the session was to be kept.
    SessionDropped: client "" "", server "MQTT-3.2.2-2 MQTT-3.1.2-4 MQTT-4.1.0-1" "MQTT-3.2.2-3 MQTT-3.1.2-5 MQTT-3.1.2-23";
    /// The client goes on although the server resumes a session that the client has no part of.
    ForeignSession: client "" "MQTT-3.2.2-4", server "" "";

    // The end of a connection.
    /// A packet after DISCONNECT.
    AfterDisconnect: client "MQTT-3.14.4-2" "MQTT-3.14.4-1", server "" "MQTT-3.14.4-1";
    /// The connection is open long after the party had to close it.
    Closes: client "MQTT-3.14.4-1 MQTT-4.8.0-1" "MQTT-3.14.4-2", server "MQTT-3.2.2-5 MQTT-4.8.0-1" "MQTT-3.14.4-2 MQTT-4.13.2-1";
    /// A packet after the peer sent what makes the party close the connection.
    ClosesAfterFault: client "MQTT-4.8.0-1" "section 4.13.1", server "MQTT-4.8.0-1" "MQTT-4.13.1-1";
    /// DISCONNECT before the connection was accepted.
    DisconnectAfterConnAck: client "" "", server "" "MQTT-3.14.0-1";
    /// A code in DISCONNECT that only the other side sends.
    DisconnectReason: client "" "MQTT-3.14.2-1", server "" "MQTT-3.14.2-1";
    /// A session expiry in DISCONNECT that must not be there.
    DisconnectExpiry: client "" "section 3.14.2.2.2", server "" "MQTT-3.14.2-2";

    // Enhanced authentication.
    /// AUTH or an authentication method although CONNECT named none.
    AuthUnasked: client "" "MQTT-4.12.0-7", server "" "MQTT-4.12.0-6";
    /// Another authentication method than that of CONNECT, or none.
    AuthMethod: client "" "MQTT-4.12.0-5 MQTT-4.12.1-1", server "" "MQTT-4.12.0-5";
    /// AUTH with a code that has no place here.
    AuthReason: client "" "MQTT-4.12.0-3 MQTT-4.12.1-1 MQTT-3.15.2-1", server "" "MQTT-4.12.0-2 MQTT-3.15.2-1";
    /// AUTH although it is the other side's turn.
    AuthTurn: client "" "section 4.12", server "" "section 4.12";
    /// A packet other than AUTH and DISCONNECT while the server has not finished the authentication.
    OnlyAuth: client "" "MQTT-3.1.2-30", server "" "";

    // Messages that the party sends.
    /// A packet identifier that is in use.
    PacketIdInUse: client "MQTT-2.3.1-2 MQTT-4.3.2-1 MQTT-4.3.3-1" "MQTT-2.2.1-3 MQTT-4.3.2-1 MQTT-4.3.3-1", server "MQTT-2.3.1-4 MQTT-4.3.2-1 MQTT-4.3.3-1" "MQTT-2.2.1-4 MQTT-4.3.2-1 MQTT-4.3.3-1";
    /// DUP is 1 on a message that this session has not sent before.
    FirstSendDup: client "MQTT-4.3.2-1 MQTT-4.3.3-1" "MQTT-4.3.2-2 MQTT-4.3.3-2 MQTT-3.2.2-5", server "MQTT-4.3.2-1 MQTT-4.3.3-1 MQTT-3.3.1-3" "MQTT-4.3.2-2 MQTT-4.3.3-2 MQTT-3.3.1-3";
    /// DUP is 0 on a message that is sent again.
    ResendDup: client "MQTT-3.3.1-1" "MQTT-3.3.1-1", server "MQTT-3.3.1-1" "MQTT-3.3.1-1";
    /// What is sent again is another message than the one that was sent under the packet identifier.
    ResendSame: client "MQTT-2.3.1-3 MQTT-4.4.0-1" "MQTT-4.4.0-1", server "MQTT-2.3.1-4 MQTT-4.4.0-1" "MQTT-4.4.0-1";
    /// A message is sent again before one that was sent earlier.
    ResendOrder: client "MQTT-4.6.0-1" "MQTT-4.6.0-1", server "MQTT-4.6.0-6 MQTT-4.6.0-1" "MQTT-4.6.0-1";
    /// A new message goes out before all unacknowledged ones were sent again.
    ResendFirst: client "MQTT-4.4.0-1" "MQTT-4.4.0-1", server "MQTT-4.4.0-1" "MQTT-4.4.0-1";
    /// Something is sent again on the connection that it was sent on.
    ResendOnReconnect: client "" "MQTT-4.4.0-1", server "" "MQTT-4.4.0-1";
    /// PUBLISH is sent again after its PUBREC.
    PublishAfterPubRec: client "MQTT-4.3.3-1" "MQTT-4.3.3-6 MQTT-4.3.3-3", server "MQTT-4.3.3-1" "MQTT-4.3.3-6 MQTT-4.3.3-3";
    /// PUBREL without a PUBREC.
    PubRelUnasked: client "MQTT-2.3.1-6 MQTT-4.3.3-1" "MQTT-2.2.1-5 MQTT-4.3.3-4", server "MQTT-2.3.1-6 MQTT-4.3.3-1" "MQTT-2.2.1-5 MQTT-4.3.3-4";
    /// PUBREL before that of an earlier PUBREC.
    PubRelOrder: client "MQTT-4.6.0-4" "MQTT-4.6.0-4", server "MQTT-4.6.0-6 MQTT-4.6.0-4" "MQTT-4.6.0-4";

    // Messages that the party receives.
    /// PUBACK or PUBREC for nothing that was received on this connection and waits for it.
    AnswerUnasked: client "MQTT-2.3.1-6" "MQTT-2.2.1-5 MQTT-4.4.0-1", server "MQTT-2.3.1-6" "MQTT-2.2.1-5 MQTT-4.4.0-1";
    /// PUBACK for QoS 2 or PUBREC for QoS 1.
    AnswerKind: client "MQTT-3.3.4-1" "MQTT-3.3.4-1", server "MQTT-3.3.4-1" "MQTT-3.3.4-1";
    /// PUBACK before that of an earlier PUBLISH. Of servers the specification demands it only towards subscribers; judged if strict.
    PubAckOrder: client "MQTT-4.6.0-2" "MQTT-4.6.0-2", server "section 4.6" "section 4.6";
    /// PUBREC before that of an earlier PUBLISH. Of servers the specification demands it only towards subscribers; judged if strict.
    PubRecOrder: client "MQTT-4.6.0-3" "MQTT-4.6.0-3", server "section 4.6" "section 4.6";
    /// PUBCOMP without a PUBREL.
    PubCompUnasked: client "MQTT-4.3.3-2" "MQTT-2.2.1-5 MQTT-4.3.3-11", server "MQTT-4.3.3-2" "MQTT-2.2.1-5 MQTT-4.3.3-11";

    // Requests.
    /// SUBACK or UNSUBACK for nothing that waits for it.
    RequestAnswerUnasked: client "" "", server "MQTT-2.3.1-7 MQTT-3.8.4-2 MQTT-3.10.4-4" "MQTT-2.2.1-6 MQTT-3.8.4-2 MQTT-3.10.4-5";
    /// SUBACK with more or fewer codes than there were filters.
    SubAckCount: client "" "", server "MQTT-3.8.4-5 MQTT-3.9.3-1" "MQTT-3.8.4-6 MQTT-3.9.3-1";
    /// UNSUBACK with more or fewer codes than there were filters.
    UnsubAckCount: client "" "", server "" "MQTT-3.11.3-1 MQTT-3.11.3-2";
    /// SUBACK grants a higher QoS than was asked for.
    GrantedQoS: client "" "", server "MQTT-3.8.4-5" "MQTT-3.8.4-7";
    /// PINGRESP without a PINGREQ.
    PingRespUnasked: client "" "", server "MQTT-3.12.4-1" "MQTT-3.12.4-1";

    // What the peer has announced.
    /// More unfinished QoS 1 and 2 messages than the peer's Receive Maximum.
    ReceiveMaximum: client "" "MQTT-3.3.4-7 MQTT-4.9.0-1 MQTT-4.9.0-2", server "" "MQTT-3.3.4-9 MQTT-4.9.0-1 MQTT-4.9.0-2";
    /// A packet above the peer's Maximum Packet Size.
    PacketSize: client "" "MQTT-3.2.2-15", server "" "MQTT-3.1.2-24";
    /// Words for people that make a packet larger than the peer's Maximum Packet Size; the statement is that of the packet.
    WordsSize: client "" "MQTT-3.2.2-15", server "" "MQTT-3.1.2-24";
    /// A topic alias above the peer's maximum.
    TopicAliasMaximum: client "" "MQTT-3.2.2-17 MQTT-3.2.2-18 MQTT-3.3.2-9", server "" "MQTT-3.1.2-26 MQTT-3.1.2-27 MQTT-3.3.2-11";
    /// A topic alias in place of the topic that was not set on this connection.
    TopicAliasUnset: client "" "section 3.3.2.3.4", server "" "section 3.3.2.3.4";
    /// A QoS above what the server announced to take.
    MaximumQoS: client "" "MQTT-3.2.2-11", server "" "";
    /// RETAIN although the server announced to retain nothing.
    RetainAvailable: client "" "MQTT-3.2.2-14", server "" "";
    /// Wildcards in a filter although the server announced not to have them.
    WildcardAvailable: client "" "section 3.2.2.3.11", server "" "";
    /// A subscription identifier although the server announced not to have them.
    SubscriptionIdentifierAvailable: client "" "section 3.2.2.3.12", server "" "";
    /// A shared subscription although the server announced not to have them.
    SharedSubscriptionAvailable: client "" "section 3.2.2.3.13", server "" "";
    /// A subscription identifier in the PUBLISH of a client.
    SubscriptionIdentifierSent: client "" "MQTT-3.3.4-6", server "" "";
    /// A subscription identifier that the client never gave.
    SubscriptionIdentifierUnknown: client "" "", server "" "MQTT-3.3.4-3 MQTT-3.3.4-4 MQTT-3.3.4-5";
    /// A reason string or user properties on a packet that the client does not want to have any.
    ProblemInformation: client "" "", server "" "MQTT-3.1.2-29";

    // Time.
    /// The client is silent for longer than the keep alive.
    KeepAlive: client "MQTT-3.1.2-23" "MQTT-3.1.2-20 MQTT-3.1.2-21 MQTT-3.2.2-21", server "" "";
    /// The server leaves the connection to a silent client open for more than one and a half times the keep alive.
    KeepAliveEnforced: client "" "", server "MQTT-3.1.2-24" "MQTT-3.1.2-22 MQTT-3.2.2-22";
    /// The server gives a client up before one and a half times the keep alive have passed.
    KeepAlivePatience: client "" "", server "" "MQTT-3.1.2-22";

    // What is still owed when everything has come to rest.
    /// CONNECT is not answered.
    OwesConnAck: client "" "", server "MQTT-3.1.4-4" "MQTT-3.1.4-5";
    /// A QoS 1 message is not answered.
    OwesPubAck: client "MQTT-4.3.2-2 MQTT-4.5.0-2" "MQTT-4.3.2-4 MQTT-4.5.0-2", server "MQTT-4.3.2-2" "MQTT-4.3.2-4";
    /// A QoS 2 message is not answered.
    OwesPubRec: client "MQTT-4.3.3-2 MQTT-4.5.0-2" "MQTT-4.3.3-8 MQTT-4.3.3-10 MQTT-4.5.0-2", server "MQTT-4.3.3-2" "MQTT-4.3.3-8 MQTT-4.3.3-10";
    /// PUBREC is not answered.
    OwesPubRel: client "MQTT-4.3.3-1" "MQTT-4.3.3-4", server "MQTT-4.3.3-1" "MQTT-4.3.3-4";
    /// PUBREL is not answered.
    OwesPubComp: client "MQTT-4.3.3-2" "MQTT-4.3.3-11", server "MQTT-4.3.3-2" "MQTT-4.3.3-11";
    /// An unacknowledged message is not sent again.
    OwesPublish: client "MQTT-4.4.0-1" "MQTT-4.4.0-1", server "MQTT-4.4.0-1" "MQTT-4.4.0-1";
    /// SUBSCRIBE is not answered.
    OwesSubAck: client "" "", server "MQTT-3.8.4-1" "MQTT-3.8.4-1";
    /// UNSUBSCRIBE is not answered.
    OwesUnsubAck: client "" "", server "MQTT-3.10.4-4 MQTT-3.10.4-5" "MQTT-3.10.4-4";
    /// PINGREQ is not answered.
    OwesPingResp: client "" "", server "MQTT-3.12.4-1" "MQTT-3.12.4-1";
    /// An AUTH of the peer is not answered.
    OwesAuth: client "" "section 4.12", server "" "section 4.12";
}

/// A list of statement numbers as it is cited: `[MQTT-3.1.0-1] (5.0)`.
pub(super) fn cited(statements: &str, version: ProtocolVersion) -> String {
    let version = if version >= ProtocolVersion::V5 {
        "5.0"
    } else if version == ProtocolVersion::V3_1 {
        "3.1 as 3.1.1"
    } else {
        "3.1.1"
    };
    let numbers: Vec<_> = statements
        .split(' ')
        .map(|word| if word.starts_with("MQTT-") { format!("[{word}]") } else { word.to_owned() })
        .collect();
    format!("{} ({version})", numbers.join(" "))
}
