//! Enhanced authentication: AUTH before CONNACK and after it (5.0 section 4.12).

use bytes::Bytes;

use super::{Connection, ConnectionEvent, DisconnectCause, Phase};
use crate::{
    Text, Timestamp,
    packet::{Auth, Packet, Properties, Property, PropertyList, ReasonCode},
    session::Violation,
};

/// The method that CONNECT named, and how far its exchange is.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) method: Text,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing is due; before CONNACK the phase of the connection tells more.
    Idle,
    /// The client has begun anew, or answered: the owner decides.
    Asked,
    /// The client is to answer.
    Challenged,
}

impl Exchange {
    pub(super) const fn new(method: Text) -> Self {
        Self { method, step: Step::Idle }
    }
}

impl Connection {
    /// Asks the client for another step: AUTH 0x18 with this data goes out [MQTT-4.12.0-2] (5.0). To be used after
    /// [`ConnectionEvent::Connect`] with an authentication method, and after [`ConnectionEvent::Authentication`].
    pub fn challenge(&mut self, data: Option<&[u8]>, now: Timestamp) {
        self.pass(now);
        let phase = self.phase;
        let Some(exchange) = &mut self.exchange else { return };
        match phase {
            Phase::Deciding { until } => {
                self.send_auth(ReasonCode::ContinueAuthentication, data);
                if let Phase::Deciding { .. } = self.phase {
                    self.phase = Phase::Authenticating { until };
                }
            }
            Phase::Open if exchange.step == Step::Asked => {
                exchange.step = Step::Challenged;
                self.resume_reading();
                self.send_auth(ReasonCode::ContinueAuthentication, data);
            }
            Phase::Open
            | Phase::AwaitingConnect { .. }
            | Phase::Authenticating { .. }
            | Phase::Ended
            | Phase::Gone => {}
        }
    }

    /// Accepts a re-authentication: AUTH 0x00 goes out. One that fails is answered with [`close`](Self::close)
    /// [MQTT-4.12.1-2] (5.0).
    pub fn finish_authentication(&mut self, data: Option<&[u8]>, now: Timestamp) {
        self.pass(now);
        if let (Phase::Open, Some(exchange)) = (self.phase, &mut self.exchange)
            && exchange.step == Step::Asked
        {
            exchange.step = Step::Idle;
            self.resume_reading();
            self.send_auth(ReasonCode::Success, data);
        }
    }

    /// The method that CONNECT named.
    pub(crate) fn authentication_method(&self) -> Option<&Text> {
        self.exchange.as_ref().map(|exchange| &exchange.method)
    }

    /// Whether the owner is to decide about a re-authentication.
    pub(super) fn is_authenticating_again(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.step == Step::Asked)
    }

    /// A packet between CONNECT and CONNACK: AUTH or DISCONNECT, and nothing else [MQTT-3.1.2-30] (5.0).
    pub(super) fn during_authentication(&mut self, packet: &Packet<'_>, until: Timestamp) {
        let fault = match packet {
            Packet::Auth(auth) if auth.reason == ReasonCode::ContinueAuthentication => {
                match self.check_method(auth) {
                    Ok(()) => {
                        self.phase = Phase::Deciding { until };
                        return self.tell_authentication(auth, false);
                    }
                    Err(violation) => violation,
                }
            }
            Packet::Disconnect(disconnect) => match self.disconnect(disconnect) {
                Ok(()) => return,
                Err(violation) => violation,
            },
            // [MQTT-4.12.0-3] (5.0)
            Packet::Auth(_) => Violation::UnexpectedAuthentication,
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::Publish(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::SubAck(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::PingResp => Violation::UnexpectedPacket(packet.packet_type()),
        };
        // [MQTT-4.12.0-4] (5.0)
        self.refuse_because(fault.reason(), DisconnectCause::Misbehaved(fault));
    }

    /// AUTH after CONNACK: a new authentication begins [MQTT-4.12.1-1] (5.0), or goes on.
    pub(super) fn reauthenticate(&mut self, auth: &Auth<'_>) -> Result<(), Violation> {
        let step = self.exchange.as_ref().map(|exchange| exchange.step);
        match (auth.reason, step) {
            (ReasonCode::ReAuthenticate, Some(Step::Idle))
            | (ReasonCode::ContinueAuthentication, Some(Step::Challenged)) => {}
            // [MQTT-4.12.0-7] (5.0)
            _ => return Err(Violation::UnexpectedAuthentication),
        }
        self.check_method(auth)?;
        if let Some(exchange) = &mut self.exchange {
            exchange.step = Step::Asked;
        }
        self.tell_authentication(auth, true);
        Ok(())
    }

    /// [MQTT-4.12.0-5] (5.0), and section 3.15.2.2.2: AUTH names the method.
    fn check_method(&self, auth: &Auth<'_>) -> Result<(), Violation> {
        let Some(method) = auth.properties.authentication_method() else {
            return Err(Violation::UnexpectedAuthentication);
        };
        match &self.exchange {
            Some(exchange) if exchange.method == method => Ok(()),
            Some(_) => Err(Violation::AuthenticationMethodChanged),
            None => Err(Violation::UnexpectedAuthentication),
        }
    }

    fn tell_authentication(&mut self, auth: &Auth<'_>, is_reauthentication: bool) {
        let data = auth.properties.authentication_data().map(Bytes::copy_from_slice);
        self.events.push_back(ConnectionEvent::Authentication { data, is_reauthentication });
    }

    /// [MQTT-4.12.0-5] [MQTT-4.12.0-6] (5.0): only with, and always with the method of CONNECT.
    fn send_auth(&mut self, reason: ReasonCode, data: Option<&[u8]>) {
        let Some(exchange) = &self.exchange else { return };
        let method = exchange.method.clone();
        let mut list = PropertyList::<2>::new();
        list.push(Property::AuthenticationMethod(method.as_str()));
        list.push_some(data.map(Property::AuthenticationData));
        self.send(&Packet::Auth(Auth { reason, properties: Properties::new(list.as_slice()) }));
    }
}
