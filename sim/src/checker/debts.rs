//! What the party has not done yet.

use mqtt_engine::packet::{PacketId, PacketType};

use super::{
    Role, Rule,
    authentication::Turn,
    link::{Link, Phase},
    scene::Scene,
    session::Session,
};

/// What is owed on a connection: the rule that is broken if it is never done, and the packet identifier or 0.
pub(super) fn owed(role: Role, link: &Link, session: &Session) -> Vec<(Rule, u16)> {
    let mut owed = Vec::new();
    if link.is_over_since.is_some() {
        return owed;
    }
    let answers = &link.answers;
    let mut note = |rule: Rule, ids: &mut dyn Iterator<Item = PacketId>| {
        owed.extend(ids.map(|id| (rule, id.get())));
    };
    note(Rule::OwesPubAck, &mut answers.at_least_once.iter().copied());
    note(Rule::OwesPubRec, &mut answers.exactly_once.iter().chain(&answers.repeated).copied());
    note(Rule::OwesPubComp, &mut answers.releases.iter().copied());
    note(Rule::OwesPubRel, &mut session.owed_releases(link));
    note(Rule::OwesPublish, &mut session.owed_publishes(link));
    for (rule, kind) in [(Rule::OwesSubAck, PacketType::SubAck), (Rule::OwesUnsubAck, PacketType::UnsubAck)] {
        let requests = answers.requests.iter().filter(|request| request.answer == kind);
        note(rule, &mut requests.map(|request| request.id));
    }
    owed.extend((0..answers.pings).map(|_| (Rule::OwesPingResp, 0)));
    owed.extend(handshake_debt(role, link).map(|rule| (rule, 0)));
    owed
}

/// Whether the party's word is due in a handshake.
const fn handshake_debt(role: Role, link: &Link) -> Option<Rule> {
    match (role, link.phase, link.authentication.turn) {
        (Role::Server, Phase::Connecting, Turn::Nobody | Turn::Server) => Some(Rule::OwesConnAck),
        (Role::Client, _, Turn::Client) | (Role::Server, Phase::Open, Turn::Server) => Some(Rule::OwesAuth),
        _ => None,
    }
}

impl Scene<'_> {
    /// Reports what is owed.
    pub(super) fn report_debts(&mut self) {
        for (rule, id) in owed(self.role, self.link, self.session) {
            let name = if id == 0 { String::new() } else { format!(" to {id}") };
            self.report.broken(rule, None, format_args!("everything has come to rest without it{name}"));
        }
    }
}
