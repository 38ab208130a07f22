//! Violations, in words.

use core::fmt;

use mqtt_engine::{
    Timestamp,
    packet::{Packet, ProtocolVersion},
};

use super::{Role, Rule, rules::cited};

/// A statement that the party violated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// On which connection.
    pub link: u64,
    /// What was broken.
    pub rule: Rule,
    /// What demands it: `[MQTT-3.1.0-1] (5.0)`, or a section.
    pub statement: String,
    /// The packet in words; empty if there is none.
    pub packet: String,
    /// What is wrong with it here, with numbers.
    pub explanation: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, link, statement, packet, explanation, rule } = self;
        write!(f, "{at} connection {link}, {statement}: ")?;
        if !packet.is_empty() {
            write!(f, "{packet}: ")?;
        }
        write!(f, "{explanation} ({rule:?})")
    }
}

/// Where violations go, and what they have in common for as long as one packet is judged.
pub(super) struct Report<'a> {
    role: Role,
    pub(super) version: ProtocolVersion,
    link: u64,
    at: Timestamp,
    violations: &'a mut Vec<Violation>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        role: Role,
        version: Option<ProtocolVersion>,
        link: u64,
        at: Timestamp,
        violations: &'a mut Vec<Violation>,
    ) -> Self {
        Self { role, version: version.unwrap_or_default(), link, at, violations }
    }

    /// Notes a broken rule.
    pub(super) fn broken(
        &mut self,
        rule: Rule,
        packet: Option<&Packet<'_>>,
        explanation: fmt::Arguments<'_>,
    ) {
        let statements = rule.statements(self.role, self.version);
        self.broken_of(rule, statements, packet, explanation);
    }

    /// Notes a broken rule whose statement depends on the packet.
    pub(super) fn broken_of(
        &mut self,
        rule: Rule,
        statements: &str,
        packet: Option<&Packet<'_>>,
        explanation: fmt::Arguments<'_>,
    ) {
        self.violations.push(Violation {
            at: self.at,
            link: self.link,
            rule,
            statement: cited(statements, self.version),
            packet: packet.map_or_else(String::new, ToString::to_string),
            explanation: explanation.to_string(),
        });
    }
}
