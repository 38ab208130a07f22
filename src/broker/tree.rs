//! Values by topic: names or filters, level by level.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, btree_map},
    vec::Vec,
};
use core::{cmp::Ordering, ops::Bound};

use crate::text::position;

/// Values under topic names or topic filters, in a tree with one node per level.
///
/// The nodes stand in one vector and point to each other by number, so nothing here recurses: neither a walk nor the
/// drop of a filter with 65,535 levels needs stack. Looking up allocates nothing.
#[derive(Debug)]
pub(crate) struct TopicTree<V> {
    nodes: Vec<Node<V>>,
    free: Vec<NodeId>,
}

type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Debug)]
struct Node<V> {
    value: Option<V>,
    literal: BTreeMap<Box<[u8]>, NodeId>,
    /// The child of the level `+`.
    single: Option<NodeId>,
    /// The child of the level `#`.
    multi: Option<NodeId>,
}

impl<V> Node<V> {
    const EMPTY: Self = Self { value: None, literal: BTreeMap::new(), single: None, multi: None };

    fn child(&self, level: &[u8]) -> Option<NodeId> {
        match level {
            b"+" => self.single,
            b"#" => self.multi,
            _ => self.literal.get(level).copied(),
        }
    }

    fn set_child(&mut self, level: &[u8], child: Option<NodeId>) {
        match (level, child) {
            (b"+", child) => self.single = child,
            (b"#", child) => self.multi = child,
            (_, Some(child)) => drop(self.literal.insert(level.into(), child)),
            (_, None) => drop(self.literal.remove(level)),
        }
    }

    /// The children that a wildcard stands for. `id` is the node's own.
    fn siblings<'t, 'n>(&'t self, id: NodeId, rest: Rest, behind: Option<Behind<'n>>) -> Step<'t, 'n> {
        let first =
            behind.and_then(Behind::level).map_or(Bound::Unbounded, |(level, _)| Bound::Included(level));
        let children = self.literal.range::<[u8], _>((first, Bound::Unbounded));
        Step::Siblings { children, rest, behind, of_root: id == ROOT }
    }

    fn is_useless(&self) -> bool {
        self.value.is_none() && self.literal.is_empty() && self.single.is_none() && self.multi.is_none()
    }
}

/// Memory for walks over filters, to be used again and again.
#[derive(Debug, Default)]
pub(crate) struct Walk(Vec<(NodeId, Rest)>);

/// What is left of the walked topic or filter at a node.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// The levels from this offset on; one at least, which may be empty.
    From(usize),
    /// Nothing.
    End,
    /// `#` was reached: everything below matches.
    All,
}

/// What is left to do of a walk over names.
enum Step<'t, 'n> {
    Node {
        id: NodeId,
        rest: Rest,
        behind: Option<Behind<'n>>,
    },
    Siblings {
        children: btree_map::Range<'t, Box<[u8]>, NodeId>,
        rest: Rest,
        behind: Option<Behind<'n>>,
        of_root: bool,
    },
}

/// Where a walk over names went on: the levels so far are those of the last name visited, and these follow.
#[derive(Clone, Copy)]
struct Behind<'n> {
    name: &'n [u8],
    rest: Rest,
}

impl<'n> Behind<'n> {
    /// The next level of the name, if it has one more.
    fn level(self) -> Option<(&'n [u8], Self)> {
        let Rest::From(offset) = self.rest else { return None };
        let (level, rest) = split(self.name, offset);
        Some((level, Self { name: self.name, rest }))
    }

    /// What applies below the child of a level; `None` if all of that child was visited.
    fn below(behind: Option<Self>, child: &[u8]) -> Option<Option<Self>> {
        let Some((level, below)) = behind.and_then(Self::level) else { return Some(None) };
        match child.cmp(level) {
            Ordering::Less => None,
            Ordering::Equal => Some(Some(below)),
            Ordering::Greater => Some(None),
        }
    }
}

impl<V> TopicTree<V> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), free: Vec::new() }
    }

    /// The value of a topic, made if there is none.
    pub(crate) fn get_or_insert_with(&mut self, topic: &[u8], make: impl FnOnce() -> V) -> &mut V {
        if self.nodes.is_empty() {
            self.nodes.push(Node::EMPTY);
        }
        let mut at = ROOT;
        for level in levels(topic) {
            at = match self.nodes[at].child(level) {
                Some(child) => child,
                None => {
                    let child = self.allocate();
                    self.nodes[at].set_child(level, Some(child));
                    child
                }
            };
        }
        self.nodes[at].value.get_or_insert_with(make)
    }

    /// Changes the value of a topic; the topic goes when `change` returns `false`. `None` if there is no value.
    pub(crate) fn update<R>(&mut self, topic: &[u8], change: impl FnOnce(&mut V) -> (bool, R)) -> Option<R> {
        let mut path = Vec::new();
        let mut at = ROOT;
        for level in levels(topic) {
            path.push((at, level));
            at = self.nodes.get(at)?.child(level)?;
        }
        let (keep, result) = change(self.nodes.get_mut(at)?.value.as_mut()?);
        if !keep {
            self.nodes[at].value = None;
            self.prune(at, path);
        }
        Some(result)
    }

    /// All values, in no particular order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.nodes.iter().filter_map(|node| node.value.as_ref())
    }

    /// Visits the values of all *filters* that match a topic name: the tree holds filters.
    ///
    /// [MQTT-4.7.2-1] (both versions): a wildcard at the first level does not match a topic that starts with `$`.
    /// [MQTT-3.3.2-3] [MQTT-4.7.3-4] (both versions)
    pub(crate) fn visit_matching_filters(&self, name: &[u8], walk: &mut Walk, mut visit: impl FnMut(&V)) {
        let is_dollar = name.starts_with(b"$");
        let Walk(stack) = walk;
        stack.clear();
        let mut next = Some((ROOT, Rest::From(0)));
        while let Some((id, rest)) = next.take().or_else(|| stack.pop()) {
            let Some(node) = self.nodes.get(id) else { continue };
            let wildcards = id != ROOT || !is_dollar;
            if let Some(value) = self.value_of(node.multi.filter(|_| wildcards)) {
                visit(value);
            }
            let Rest::From(offset) = rest else {
                node.value.iter().for_each(&mut visit);
                continue;
            };
            let (level, rest) = split(name, offset);
            if let Some(child) = node.single.filter(|_| wildcards) {
                stack.push((child, rest));
            }
            next = node.literal.get(level).map(|child| (*child, rest));
        }
    }

    /// Visits the values of *names* that a filter matches, in their order (level by level, a name before those below it),
    /// from behind the name `after` on, until `visit` returns `false`: the tree holds names.
    ///
    /// The work grows with the number of names that match the filter up to its last level, which is every name for `#`.
    /// [MQTT-4.7.2-1] (both versions): a wildcard at the first level does not match a topic that starts with `$`.
    pub(crate) fn visit_matching_names(
        &self,
        filter: &[u8],
        after: Option<&[u8]>,
        mut visit: impl FnMut(&V) -> bool,
    ) {
        let behind = after.map(|name| Behind { name, rest: Rest::From(0) });
        let mut stack = Vec::from([Step::Node { id: ROOT, rest: Rest::From(0), behind }]);
        while let Some(step) = stack.pop() {
            let (id, rest, behind) = match step {
                Step::Node { id, rest, behind } => (id, rest, behind),
                Step::Siblings { mut children, rest, behind, of_root } => {
                    let Some((level, child)) = children.next() else { continue };
                    let place = Behind::below(behind, level);
                    stack.push(Step::Siblings { children, rest, behind, of_root });
                    if let Some(behind) = place
                        && !(of_root && level.starts_with(b"$"))
                    {
                        stack.push(Step::Node { id: *child, rest, behind });
                    }
                    continue;
                }
            };
            let Some(node) = self.nodes.get(id) else { continue };
            if let Rest::End | Rest::All = rest
                && behind.is_none()
                && let Some(value) = &node.value
                && !visit(value)
            {
                return;
            }
            match rest {
                Rest::End => {}
                Rest::All => stack.push(node.siblings(id, rest, behind)),
                Rest::From(offset) => match split(filter, offset) {
                    // `#` stands for its parent level, too.
                    (b"#", _) => stack.push(Step::Node { id, rest: Rest::All, behind }),
                    (b"+", rest) => stack.push(node.siblings(id, rest, behind)),
                    (level, rest) => {
                        if let (Some(child), Some(behind)) =
                            (node.literal.get(level), Behind::below(behind, level))
                        {
                            stack.push(Step::Node { id: *child, rest, behind });
                        }
                    }
                },
            }
        }
    }

    fn value_of(&self, node: Option<NodeId>) -> Option<&V> {
        self.nodes.get(node?)?.value.as_ref()
    }

    fn allocate(&mut self) -> NodeId {
        self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::EMPTY);
            self.nodes.len() - 1
        })
    }

    /// Frees `node` and its ancestors for as long as nothing needs them. `path` holds each ancestor and the level below it.
    fn prune(&mut self, node: NodeId, path: Vec<(NodeId, &[u8])>) {
        let mut node = node;
        for (parent, level) in path.into_iter().rev() {
            if !self.nodes[node].is_useless() {
                return;
            }
            self.nodes[parent].set_child(level, None);
            self.free.push(node);
            node = parent;
        }
        if self.nodes[ROOT].is_useless() {
            *self = Self::new();
        }
    }
}

/// The levels of a topic: one at least.
fn levels(topic: &[u8]) -> impl Iterator<Item = &[u8]> {
    topic.split(|byte| *byte == b'/')
}

/// The level that starts at `offset`, and what comes after it.
fn split(topic: &[u8], offset: usize) -> (&[u8], Rest) {
    let tail = topic.get(offset..).unwrap_or_default();
    match position(tail, b'/') {
        Some(length) => (&tail[..length], Rest::From(offset + length + 1)),
        None => (tail, Rest::End),
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
