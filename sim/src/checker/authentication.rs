//! AUTH (section 4.12 of 5.0).

use mqtt_engine::packet::{Auth, ConnAck, Packet, ReasonCode};

use super::{Role, Rule, link::Phase, scene::Scene};

/// How far an enhanced authentication is.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    /// That of CONNECT.
    pub(super) method: Option<String>,
    pub(super) turn: Turn,
}

/// Whose word is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Turn {
    /// No authentication runs.
    #[default]
    Nobody,
    /// The client's AUTH.
    Client,
    /// The server's AUTH, or what ends the exchange.
    Server,
}

/// Why an AUTH has no place where it is.
#[derive(Clone, Copy, Debug)]
enum Misplaced {
    Reason,
    Turn,
}

impl Authentication {
    /// CONNECT names a method, or none.
    pub(super) fn begin(&mut self, method: Option<&str>) {
        self.method = method.map(str::to_owned);
        self.turn = if method.is_some() { Turn::Server } else { Turn::Nobody };
    }

    /// CONNACK ends the exchange.
    pub(super) const fn end(&mut self) {
        self.turn = Turn::Nobody;
    }

    /// AUTH of one side: whose turn it is then.
    fn step(&mut self, by: Role, phase: Phase, reason: ReasonCode) -> Result<(), Misplaced> {
        use ReasonCode::{ContinueAuthentication, ReAuthenticate, Success};
        let next = match (by, self.turn, reason) {
            (Role::Client, Turn::Client, ContinueAuthentication) => Turn::Server,
            (Role::Client, Turn::Nobody, ReAuthenticate) if phase == Phase::Open => Turn::Server,
            (Role::Client, Turn::Client | Turn::Nobody, _) => return Err(Misplaced::Reason),
            (Role::Server, Turn::Server, ContinueAuthentication) => Turn::Client,
            (Role::Server, Turn::Server, Success) if phase == Phase::Open => Turn::Nobody,
            (Role::Server, Turn::Server, _) => return Err(Misplaced::Reason),
            (Role::Client, Turn::Server, _) | (Role::Server, Turn::Client | Turn::Nobody, _) => {
                return Err(Misplaced::Turn);
            }
        };
        self.turn = next;
        Ok(())
    }
}

impl Scene<'_> {
    pub(super) fn wrote_auth(&mut self, auth: &Auth<'_>, packet: &Packet<'_>) {
        let Some(method) = self.link.authentication.method.as_deref() else {
            let words = format_args!("CONNECT names no authentication method");
            return self.report.broken(Rule::AuthUnasked, Some(packet), words);
        };
        let named = auth.properties.authentication_method();
        if named != Some(method) {
            let words = format_args!("the method is {named:?}, that of CONNECT {method:?}");
            self.report.broken(Rule::AuthMethod, Some(packet), words);
        }
        let (phase, reason) = (self.link.phase, auth.reason);
        match self.link.authentication.step(self.role, phase, reason) {
            Ok(()) => {}
            Err(Misplaced::Reason) => {
                self.report.broken(
                    Rule::AuthReason,
                    Some(packet),
                    format_args!("{reason} has no place here"),
                );
            }
            Err(Misplaced::Turn) => {
                let words = format_args!("the other side's word is due");
                self.report.broken(Rule::AuthTurn, Some(packet), words);
            }
        }
    }

    pub(super) fn read_auth(&mut self, auth: &Auth<'_>) {
        let peer = if self.role == Role::Client { Role::Server } else { Role::Client };
        let is_right = self.link.authentication.method.is_some()
            && self.is_right_method(auth.properties.authentication_method(), false)
            && self.link.authentication.step(peer, self.link.phase, auth.reason).is_ok();
        if !is_right {
            self.fault("an AUTH that has no place here");
        }
    }

    /// CONNACK of an accepted connection repeats the method.
    pub(super) fn check_method_of_connack(&mut self, connack: &ConnAck<'_>, packet: &Packet<'_>) {
        let named = connack.properties.authentication_method();
        if self.is_right_method(named, true) {
            return;
        }
        let method = self.link.authentication.method.as_deref();
        let rule = if method.is_some() { Rule::AuthMethod } else { Rule::AuthUnasked };
        let words = format_args!("the method is {named:?}, that of CONNECT {method:?}");
        self.report.broken(rule, Some(packet), words);
    }

    /// Whether a method is that of CONNECT. A peer that names none does no harm.
    pub(super) fn is_right_method(&self, named: Option<&str>, is_due: bool) -> bool {
        named == self.link.authentication.method.as_deref() || named.is_none() && !is_due
    }
}
