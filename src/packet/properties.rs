//! The properties of a packet (5.0 section 2.2.2).

use bytes::Bytes;

use super::Property;
use crate::{SubscriptionIdentifiers, UserProperties};

/// The properties of a packet: decoded, or from a list to be sent.
///
/// To be sent with a list may be the pairs and identifiers of a message, which are kept as they stand on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Properties<'a> {
    source: Source<'a>,
    user: &'a [u8],
    identifiers: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [Property<'a>]),
    /// Checked.
    Wire(&'a [u8]),
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const NONE: Properties<'static> = Properties::new(&[]);

    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [Property<'a>]) -> Self {
        Self {
            source: Source::List(list),
            user: &[],
            identifiers: &[],
        }
    }

    /// The same and, behind them, user properties.
    #[must_use]
    pub fn with_user_properties(self, properties: &'a UserProperties) -> Self {
        Self {
            user: properties.as_wire(),
            ..self
        }
    }

    /// The same and, behind them, subscription identifiers.
    #[must_use]
    pub fn with_subscription_identifiers(self, identifiers: &'a SubscriptionIdentifiers) -> Self {
        Self {
            identifiers: identifiers.as_wire(),
            ..self
        }
    }

    /// The properties, in order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + Clone + use<'a> {
        todo!();
        #[expect(unreachable_code)]
        core::iter::empty()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let none = match self.source {
            Source::List(list) => list.is_empty(),
            Source::Wire(wire) => wire.is_empty(),
        };
        none && self.user.is_empty() && self.identifiers.is_empty()
    }

    /// The pairs of the application, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        todo!();
        #[expect(unreachable_code)]
        core::iter::empty()
    }

    /// The identifiers of the subscriptions that a message matched, in order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        todo!();
        #[expect(unreachable_code)]
        core::iter::empty()
    }

    /// The user properties to keep; `share` turns a part of the packet into a buffer.
    pub(crate) fn to_user_properties(self, share: impl Fn(&[u8]) -> Bytes) -> UserProperties {
        todo!()
    }

    /// The subscription identifiers to keep; `share` turns a part of the packet into a buffer.
    pub(crate) fn to_subscription_identifiers(
        self,
        share: impl Fn(&[u8]) -> Bytes,
    ) -> SubscriptionIdentifiers {
        todo!()
    }

    pub(super) fn find(&self, id: u8) -> Option<Property<'a>> {
        todo!()
    }
}

impl Default for Properties<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// A list of at most `N` properties, to encode without allocation.
#[derive(Clone, Copy, Debug)]
pub struct PropertyList<'a, const N: usize> {
    list: [Property<'a>; N],
    len: usize,
}

impl<'a, const N: usize> PropertyList<'a, N> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: [Property::UserProperty("", ""); N],
            len: 0,
        }
    }

    /// Appends a property. `N` is to be the number of `push` calls at least: what has no room is left out, and a debug
    /// build panics.
    pub fn push(&mut self, property: Property<'a>) {
        let slot = self.list.get_mut(self.len);
        debug_assert!(slot.is_some(), "a list of more than {N} properties");
        if let Some(slot) = slot {
            *slot = property;
            self.len += 1;
        }
    }

    /// Appends a property if there is one.
    pub fn push_some(&mut self, property: Option<Property<'a>>) {
        if let Some(property) = property {
            self.push(property);
        }
    }

    /// The properties, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Property<'a>] {
        self.list.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> Default for PropertyList<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}
