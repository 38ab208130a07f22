//! Shared subscriptions: which member gets a message, and who gets those of a member that leaves (5.0 section 4.8.2).

use alloc::{collections::BTreeSet, vec::Vec};

use super::{
    Broker,
    routing::form_of,
    sessions::{SessionKey, State, Stored},
    subscriptions::{Match, ShareId},
};
use crate::{Message, QoS, Session, TopicFilter};

/// How well a member is placed to get a message; the first is best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Its client is connected and its queue is at most half full, so that nobody waits for it.
    #[default]
    Ready,
    /// Its client is connected and its queue has room.
    Busy,
    /// Its client is away and its queue has room.
    Stored,
    /// The message would be dropped.
    Full,
}

impl Broker {
    /// Hands a message to one member of a group. Whether somebody got it.
    pub(super) fn deliver_to_group(
        &mut self,
        share: ShareId,
        message: &Message,
        last: Option<SessionKey>,
    ) -> bool {
        let Some((member, _)) = self.choose(share, message, None, Rank::Full) else { return false };
        self.deliver_shared(share, member, message, last);
        true
    }

    /// The message as this member wants it. The granted QoS of the chosen member counts [MQTT-4.8.2-3] (5.0).
    fn deliver_shared(
        &mut self,
        share: ShareId,
        Match { session, options }: Match,
        message: &Message,
        last: Option<SessionKey>,
    ) {
        let retain = message.retain && options.retain_as_published;
        let copy = form_of(message, options.qos, retain, options.identifier);
        self.deliver(session, copy, Some(share), last);
    }

    /// The member whose turn it is among those that are placed best, up to a rank.
    fn choose(
        &mut self,
        share: ShareId,
        message: &Message,
        except: Option<SessionKey>,
        worst: Rank,
    ) -> Option<(Match, Rank)> {
        let Self { subscriptions, sessions, connections, config, .. } = self;
        let is_shutting_down = self.is_shutting_down;
        subscriptions.choose(share, |member| {
            let stored = sessions.get(member.session).filter(|_| except != Some(member.session))?;
            let rank = match &stored.state {
                // Every connection is about to end: only what is stored lasts.
                State::Connected(_) if is_shutting_down => return None,
                State::Connected(key) if connections.get(*key)?.connection.takes(message) => {
                    let is_ready = connections.get(*key)?.connection.room().is_some();
                    if is_ready { Rank::Ready } else { Rank::Busy }
                }
                State::Away { .. } if message.qos == QoS::AtMostOnce && !config.queue_qos0 => return None,
                State::Away { session, .. } if session.has_room(message.cost()) => Rank::Stored,
                State::Connected(_) | State::Away { .. } => Rank::Full,
                State::Moving => return None,
            };
            Some(rank).filter(|rank| *rank <= worst)
        })
    }

    /// The client of a session went away, or the session left a group: what was shared with it and never sent goes to a
    /// connected member, if there is one with room.
    pub(super) fn hand_on(&mut self, key: SessionKey, left: Option<ShareId>) {
        let Some(session) = self.flow_of(key) else { return };
        let queued: Vec<(u64, ShareId, Message)> = session
            .queued()
            .filter_map(|(order, number, message)| Some((order, ShareId::of(number)?, message)))
            .filter(|(_, share, _)| left.is_none_or(|left| left == *share))
            .map(|(order, share, message)| (order, share, message.clone()))
            .collect();
        let mut without_room = BTreeSet::new();
        for (order, share, message) in queued {
            if without_room.contains(&share) {
                continue;
            }
            let Some((member, _)) = self.choose(share, &message, Some(key), Rank::Busy) else {
                without_room.insert(share);
                continue;
            };
            let now = self.now;
            if let Some(message) = self.flow_of(key).and_then(|session| session.withdraw(order, now)) {
                self.deliver_shared(share, member, &message, None);
            }
        }
    }

    /// A session has ended: what was shared with it goes to other members, unless it is a QoS 2 message that was sent
    /// [MQTT-4.8.2-4] [MQTT-4.8.2-5] (5.0).
    pub(super) fn inherit(&mut self, session: Session) {
        for (number, message) in session.into_unfinished(self.now) {
            if let Some(share) = ShareId::of(number) {
                self.deliver_to_group(share, &message, None);
            }
        }
    }

    /// A session leaves the group of a filter.
    pub(super) fn leave_group(&mut self, key: SessionKey, filter: &TopicFilter) {
        if let Some(share) = self.subscriptions.group(filter) {
            self.hand_on(key, Some(share));
        }
    }

    /// The message flow of a session, wherever it is.
    pub(super) fn flow_of(&mut self, key: SessionKey) -> Option<&mut Session> {
        let Stored { state, .. } = self.sessions.get_mut(key)?;
        match state {
            State::Connected(connection) => self.connections.get_mut(*connection)?.connection.session_mut(),
            State::Away { session, .. } => Some(session),
            State::Moving => None,
        }
    }
}
