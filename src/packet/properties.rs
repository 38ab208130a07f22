//! The properties of a packet (5.0 section 2.2.2).

use bytes::{Bytes, BytesMut};

use super::{
    EncodeError, Property, ProtocolVersion,
    cursor::Cursor,
    property::{Place, Seen},
    sink::{Counter, Sink, Writer, invalid},
};
use crate::{SubscriptionIdentifiers, UserProperties};

/// The properties of a packet: decoded, or from a list to be sent.
///
/// To be sent with a list may be the pairs and identifiers of a message, which are kept as they stand on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Properties<'a> {
    source: Source<'a>,
    user: Option<&'a UserProperties>,
    identifiers: Option<&'a SubscriptionIdentifiers>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [Property<'a>]),
    /// Checked, with a bit for each identifier that is in there.
    Wire {
        section: &'a [u8],
        ids: u64,
    },
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const NONE: Properties<'static> = Properties::new(&[]);

    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [Property<'a>]) -> Self {
        Self { source: Source::List(list), user: None, identifiers: None }
    }

    /// The same and, behind them, user properties.
    #[must_use]
    pub const fn with_user_properties(self, properties: &'a UserProperties) -> Self {
        Self { user: Some(properties), ..self }
    }

    /// The same and, behind them, subscription identifiers.
    #[must_use]
    pub const fn with_subscription_identifiers(self, identifiers: &'a SubscriptionIdentifiers) -> Self {
        Self { identifiers: Some(identifiers), ..self }
    }

    /// The properties, in order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + Clone + use<'a> {
        let list = match self.source {
            Source::List(list) => list,
            Source::Wire { .. } => &[],
        };
        list.iter().copied().chain(self.segments().into_iter().flat_map(Decoded::new))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let none = match self.source {
            Source::List(list) => list.is_empty(),
            Source::Wire { section, .. } => section.is_empty(),
        };
        none && self.user.is_none_or(UserProperties::is_empty)
            && self.identifiers.is_none_or(SubscriptionIdentifiers::is_empty)
    }

    /// The pairs of the application, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        self.iter().filter_map(|property| {
            if let Property::UserProperty(name, value) = property { Some((name, value)) } else { None }
        })
    }

    /// The identifiers of the subscriptions that a message matched, in order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.iter().filter_map(|property| {
            if let Property::SubscriptionIdentifier(identifier) = property { Some(identifier) } else { None }
        })
    }

    /// The user properties to keep; `share` turns a part of the packet into a buffer.
    pub(crate) fn to_user_properties(self, share: impl Fn(&[u8]) -> Bytes) -> UserProperties {
        UserProperties::from_wire(self.keep(UserProperties::ID, share))
    }

    /// The subscription identifiers to keep; `share` turns a part of the packet into a buffer.
    pub(crate) fn to_subscription_identifiers(
        self,
        share: impl Fn(&[u8]) -> Bytes,
    ) -> SubscriptionIdentifiers {
        SubscriptionIdentifiers::from_wire(self.keep(SubscriptionIdentifiers::ID, share))
    }

    /// Those that were decoded from `section`, which was checked. `ids` has a bit for each identifier in it.
    pub(super) const fn decoded(section: &'a [u8], ids: u64) -> Self {
        Self { source: Source::Wire { section, ids }, user: None, identifiers: None }
    }

    /// Whether it is worth looking for an identifier.
    #[inline]
    const fn may_have(&self, id: u8) -> bool {
        match self.source {
            _ if self.user.is_some() || self.identifiers.is_some() => true,
            Source::Wire { ids, .. } => ids & 1 << id != 0,
            Source::List(list) => !list.is_empty(),
        }
    }

    /// The first property with this identifier. Costs a step over each one before it.
    #[inline]
    pub(super) fn find(&self, id: u8) -> Option<Property<'a>> {
        if self.may_have(id) { self.search(id) } else { None }
    }

    fn search(&self, id: u8) -> Option<Property<'a>> {
        if let Source::List(list) = self.source
            && let Some(property) = list.iter().find(|property| property.id() == id)
        {
            return Some(*property);
        }
        let mut parts = self.segments().into_iter().flat_map(Raw::new);
        let (_, part) = parts.find(|(found, _)| *found == id)?;
        Property::next(&mut Cursor::new(part))
    }

    /// Checks that the properties can stand in a packet of a version.
    pub(super) fn check(&self, place: Place, version: ProtocolVersion) -> Result<(), EncodeError> {
        if version < ProtocolVersion::V5 {
            return if self.is_empty() {
                Ok(())
            } else {
                Err(EncodeError::NotInThisVersion { field: "properties" })
            };
        }
        if self.is_empty() {
            return Ok(());
        }
        let mut seen = Seen::new(place);
        for property in self.iter() {
            seen.check(&property)?;
        }
        seen.finish().map_err(|fault| invalid(Property::AUTHENTICATION_DATA, fault))
    }

    /// Writes length and properties in 5.0, nothing in 3.1.1, which has no such part.
    /// [MQTT-2.2.2-1] (5.0)
    pub(super) fn write(&self, version: ProtocolVersion, sink: &mut impl Sink) {
        if version < ProtocolVersion::V5 {
            return;
        }
        if self.is_empty() {
            return sink.variable(0);
        }
        let mut length = Counter::default();
        self.write_all(&mut length);
        // A sum above the largest length makes the whole packet too large, which is found before a byte is written.
        sink.variable(u32::try_from(length.0).unwrap_or(u32::MAX));
        self.write_all(sink);
    }

    fn write_all(&self, sink: &mut impl Sink) {
        if let Source::List(list) = self.source {
            for property in list {
                property.write(sink);
            }
        }
        for segment in self.segments() {
            sink.slice(segment);
        }
    }

    fn segments(&self) -> [&'a [u8]; 3] {
        let decoded = match self.source {
            Source::List(_) => &[],
            Source::Wire { section, .. } => section,
        };
        let user = self.user.map_or(&[][..], |user| user.as_wire());
        [decoded, user, self.identifiers.map_or(&[], |identifiers| identifiers.as_wire())]
    }

    /// All properties with this identifier as they stand on the wire: shared if they are side by side, else copied.
    fn keep(self, id: u8, share: impl Fn(&[u8]) -> Bytes) -> Bytes {
        if !self.may_have(id) {
            return Bytes::new();
        }
        if let Some(run) = self.run_of(id) {
            return if run.is_empty() { Bytes::new() } else { share(run) };
        }
        let mut wire = BytesMut::new();
        for property in self.iter().filter(|property| property.id() == id) {
            property.write(&mut Writer(&mut wire));
        }
        wire.freeze()
    }

    /// The part of a segment that holds all properties with this identifier, and no others; empty if there are none.
    fn run_of(&self, id: u8) -> Option<&'a [u8]> {
        if let Source::List(list) = self.source
            && list.iter().any(|property| property.id() == id)
        {
            return None;
        }
        let mut run: &'a [u8] = &[];
        for segment in self.segments() {
            let mut at = 0;
            let mut found = 0..0;
            for (other, part) in Raw::new(segment) {
                if other == id {
                    if !found.is_empty() && found.end != at {
                        return None;
                    }
                    let start = if found.is_empty() { at } else { found.start };
                    found = start..at + part.len();
                }
                at += part.len();
            }
            if !found.is_empty() {
                if !run.is_empty() {
                    return None;
                }
                run = segment.get(found)?;
            }
        }
        Some(run)
    }
}

/// The properties of a checked section.
#[derive(Clone, Debug)]
struct Decoded<'a>(Cursor<'a>);

impl<'a> Decoded<'a> {
    const fn new(section: &'a [u8]) -> Self {
        Self(Cursor::new(section))
    }
}

impl<'a> Iterator for Decoded<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Property::next(&mut self.0)
    }
}

/// The same as bytes with their identifiers.
#[derive(Clone, Debug)]
struct Raw<'a>(Cursor<'a>);

impl<'a> Raw<'a> {
    const fn new(section: &'a [u8]) -> Self {
        Self(Cursor::new(section))
    }
}

impl<'a> Iterator for Raw<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.0.at();
        let id = Property::next_id(&mut self.0)?;
        Some((id, self.0.since(start)))
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
        Self { list: [Property::UserProperty("", ""); N], len: 0 }
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
