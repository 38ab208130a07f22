//! Who subscribes to what.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use super::{
    sessions::SessionKey,
    tree::{TopicTree, Walk},
};
use crate::{QoS, TopicFilter, TopicName};

/// How a subscriber wants its messages (5.0 section 3.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The highest QoS to deliver with.
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) identifier: Option<u32>,
}

/// A subscription that matches a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) session: SessionKey,
    pub(super) options: Options,
}

/// Names a group that shares a subscription, for as long as it has members. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShareId(u64);

impl ShareId {
    /// The number of a message that came through this group; 0 is for all others.
    pub(super) const fn number(share: Option<Self>) -> u64 {
        match share {
            Some(Self(number)) => number,
            None => 0,
        }
    }

    pub(super) const fn of(number: u64) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }
}

/// The subscriptions that match one topic: those of one session next to each other, and the groups that do.
#[derive(Debug, Default)]
pub(super) struct Route {
    topic: Vec<u8>,
    /// The state of the subscriptions that it was found in.
    found_in: u64,
    pub(super) matches: Vec<Match>,
    pub(super) groups: Vec<ShareId>,
}

/// The subscriptions of all sessions, by filter.
#[derive(Debug)]
pub(super) struct Subscriptions {
    tree: TopicTree<Subscribers>,
    groups: BTreeMap<ShareId, Group>,
    last_group: u64,
    count: usize,
    /// Counts the changes: a route is the same for as long as nobody subscribes or leaves.
    state: u64,
    walk: Walk,
}

/// Who subscribes to one filter.
#[derive(Debug, Default)]
struct Subscribers {
    /// Sorted by session.
    own: Vec<Match>,
    /// By share name, sorted.
    shared: Vec<(Box<[u8]>, ShareId)>,
}

/// The sessions that share one subscription (5.0 section 4.8.2).
#[derive(Debug, Default)]
struct Group {
    /// Sorted by session.
    members: Vec<Match>,
    /// Whose turn it is.
    next: usize,
}

impl Subscriptions {
    pub(super) fn new() -> Self {
        Self {
            tree: TopicTree::new(),
            groups: BTreeMap::new(),
            last_group: 0,
            count: 0,
            state: 1,
            walk: Walk::default(),
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Adds a subscription, or replaces the one of the same session and filter [MQTT-3.8.4-3] (both versions); `true` if it is
    /// new.
    pub(super) fn insert(&mut self, filter: &TopicFilter, session: SessionKey, options: Options) -> bool {
        self.state += 1;
        let subscribers = self.tree.get_or_insert_with(filter.pattern().as_bytes(), Subscribers::default);
        let entry = Match { session, options };
        let is_new = match filter.share_name() {
            None => put(&mut subscribers.own, entry).is_ok(),
            Some(name) => {
                let found = subscribers.shared.binary_search_by(|(other, _)| (**other).cmp(name.as_bytes()));
                let share = match found.map(|at| subscribers.shared.get(at)) {
                    Ok(Some((_, share))) => *share,
                    Ok(None) => return false,
                    Err(at) => {
                        self.last_group += 1;
                        let share = ShareId(self.last_group);
                        subscribers.shared.insert(at, (name.as_bytes().into(), share));
                        share
                    }
                };
                self.groups.entry(share).or_default().put(entry)
            }
        };
        self.count += usize::from(is_new);
        is_new
    }

    /// Removes a subscription; the filter is compared byte by byte [MQTT-3.10.4-1] (both versions). `false` if there is none.
    pub(super) fn remove(&mut self, filter: &TopicFilter, session: SessionKey) -> bool {
        self.state += 1;
        let groups = &mut self.groups;
        let removed = self.tree.update(filter.pattern().as_bytes(), |subscribers| {
            let removed = match filter.share_name() {
                None => take(&mut subscribers.own, session).is_some(),
                Some(name) => subscribers.leave(name, session, groups),
            };
            (!subscribers.own.is_empty() || !subscribers.shared.is_empty(), removed)
        });
        let removed = removed.unwrap_or(false);
        self.count -= usize::from(removed);
        removed
    }

    /// The group of a shared filter, if it has members.
    pub(super) fn group(&mut self, filter: &TopicFilter) -> Option<ShareId> {
        let name = filter.share_name()?;
        let found = self.tree.update(filter.pattern().as_bytes(), |subscribers| {
            let mut groups = subscribers.shared.iter();
            (true, groups.find(|(other, _)| **other == *name.as_bytes()).map(|(_, share)| *share))
        });
        found.flatten()
    }

    /// Finds the subscriptions that match a topic, unless they stand in `route` since the last message: most publishers stay with their
    /// topics for a while.
    ///
    /// The work grows with the number of matching subscriptions and with the levels of the topic, not with the number of
    /// subscriptions.
    pub(super) fn find_route(&mut self, topic: &TopicName, route: &mut Route) {
        let topic = topic.as_bytes();
        if route.found_in == self.state && route.topic == topic {
            return;
        }
        route.found_in = self.state;
        route.topic.clear();
        route.topic.extend_from_slice(topic);
        route.matches.clear();
        route.groups.clear();
        self.tree.visit_matching_filters(topic, &mut self.walk, |subscribers| {
            route.matches.extend_from_slice(&subscribers.own);
            route.groups.extend(subscribers.shared.iter().map(|(_, share)| *share));
        });
        route.matches.sort_unstable_by_key(|entry| entry.session);
    }

    /// The member of a group that gets the next message: of those with the lowest rank the one whose turn it is. Members
    /// without a rank get nothing. Says the rank, too.
    ///
    /// The work grows with the number of members that are passed over: as long as those of the lowest rank, 0, come one
    /// after the other, it is one step.
    pub(super) fn choose<R: Ord + Default>(
        &mut self,
        share: ShareId,
        rank: impl Fn(&Match) -> Option<R>,
    ) -> Option<(Match, R)> {
        let group = self.groups.get_mut(&share)?;
        let (before, from) = group.members.split_at_checked(group.next).unwrap_or((&[], &group.members));
        let order = (before.len()..).zip(from).chain((0..).zip(before));
        let mut best: Option<(usize, Match, R)> = None;
        for (at, member) in order {
            let Some(found) = rank(member) else { continue };
            if best.as_ref().is_some_and(|(.., best)| *best <= found) {
                continue;
            }
            let is_best = found == R::default();
            best = Some((at, *member, found));
            if is_best {
                break;
            }
        }
        let (at, member, rank) = best?;
        group.next = at + 1;
        Some((member, rank))
    }
}

impl Subscribers {
    /// Takes a member out of a group, and a group without members away.
    fn leave(&mut self, name: &str, session: SessionKey, groups: &mut BTreeMap<ShareId, Group>) -> bool {
        let found = self.shared.binary_search_by(|(other, _)| (**other).cmp(name.as_bytes()));
        let Some((at, share)) = found.ok().and_then(|at| Some((at, self.shared.get(at)?.1))) else {
            return false;
        };
        let Some(group) = groups.get_mut(&share) else { return false };
        let removed = group.take(session);
        if group.members.is_empty() {
            groups.remove(&share);
            self.shared.remove(at);
        }
        removed
    }
}

impl Group {
    /// Adds or replaces a member; `true` if it is new. Nobody's turn changes.
    fn put(&mut self, entry: Match) -> bool {
        let added = put(&mut self.members, entry);
        if let Ok(at) = added
            && at < self.next
        {
            self.next += 1;
        }
        added.is_ok()
    }

    fn take(&mut self, session: SessionKey) -> bool {
        let removed = take(&mut self.members, session);
        if let Some(at) = removed
            && at < self.next
        {
            self.next -= 1;
        }
        removed.is_some()
    }
}

/// Adds a subscription at its place, or replaces the one that is there (the error).
fn put(sorted: &mut Vec<Match>, entry: Match) -> Result<usize, usize> {
    match sorted.binary_search_by_key(&entry.session, |other| other.session) {
        Ok(at) => {
            if let Some(place) = sorted.get_mut(at) {
                *place = entry;
            }
            Err(at)
        }
        Err(at) => {
            if sorted.len() == sorted.capacity() {
                // Most filters have one subscriber, for which `Vec` makes room for four.
                sorted.reserve_exact(sorted.len().max(1));
            }
            sorted.insert(at, entry);
            Ok(at)
        }
    }
}

/// Removes a session's subscription; where it was.
fn take(sorted: &mut Vec<Match>, session: SessionKey) -> Option<usize> {
    let at = sorted.binary_search_by_key(&session, |entry| entry.session).ok()?;
    sorted.remove(at);
    Some(at)
}
