//! The lists of topic filters in SUBSCRIBE and UNSUBSCRIBE.

use crate::QoS;

/// One filter of a SUBSCRIBE with its options (3.8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made to be written out literally")]
pub struct Subscription<'a> {
    /// The topic filter.
    pub filter: &'a str,
    /// The highest quality of service that the client wants.
    pub qos: QoS,
    /// 5.0: not the client's own messages.
    pub no_local: bool,
    /// 5.0: the RETAIN flag is passed on as the publisher set it.
    pub retain_as_published: bool,
    /// 5.0: whether retained messages are sent now.
    pub retain_handling: RetainHandling,
}

/// Whether retained messages are sent when a subscription is made (5.0 section 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the specification has three and forbids the fourth"
)]
#[repr(u8)]
pub enum RetainHandling {
    /// Always; as in 3.1.1.
    #[default]
    SendAtSubscribe = 0,
    /// If there was no such subscription before.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
}

/// The filters of a SUBSCRIBE.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [Subscription<'a>]),
    Wire { bytes: &'a [u8], count: usize },
}

impl<'a> Filters<'a> {
    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [Subscription<'a>]) -> Self {
        Self {
            source: Source::List(list),
        }
    }

    /// The filters, in order.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'a>> + Clone + use<'a> {
        todo!();
        #[expect(unreachable_code)]
        core::iter::empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            Source::List(list) => list.len(),
            Source::Wire { count, .. } => count,
        }
    }

    /// Whether there are none, which no valid packet has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Filters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// The filters of an UNSUBSCRIBE.
#[derive(Clone, Copy, Debug)]
pub struct TopicFilters<'a> {
    source: TextSource<'a>,
}

#[derive(Clone, Copy, Debug)]
enum TextSource<'a> {
    List(&'a [&'a str]),
    Wire { bytes: &'a [u8], count: usize },
}

impl<'a> TopicFilters<'a> {
    /// Those of a list.
    #[must_use]
    pub const fn new(list: &'a [&'a str]) -> Self {
        Self {
            source: TextSource::List(list),
        }
    }

    /// The filters, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        todo!();
        #[expect(unreachable_code)]
        core::iter::empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.source {
            TextSource::List(list) => list.len(),
            TextSource::Wire { count, .. } => count,
        }
    }

    /// Whether there are none, which no valid packet has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for TopicFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
