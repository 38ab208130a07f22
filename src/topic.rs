//! Topic names, topic filters and when one matches the other (section 4.7 of both specifications).

use alloc::string::String;
use core::{convert::Infallible, fmt};

use bytes::Bytes;

use crate::text::{Text, TextError, check_text, contains_any};

/// Why a string is not a topic name or a topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// Not an MQTT string at all.
    Text(TextError),
    /// No character at all [MQTT-4.7.3-1] (both versions).
    Empty,
    /// `+` or `#` in a topic *name* [MQTT-3.3.2-2] (both versions), [MQTT-4.7.1-1] (3.1.1), [MQTT-4.7.0-1] (5.0).
    Wildcard,
    /// `#` that is not the whole last level of a filter ([MQTT-4.7.1-2] (3.1.1), [MQTT-4.7.1-1] (5.0)).
    MultiLevelWildcard,
    /// `+` that is not the whole of its level ([MQTT-4.7.1-3] (3.1.1), [MQTT-4.7.1-2] (5.0)).
    SingleLevelWildcard,
    /// `$share` that is not `$share/name/filter` with a name without wildcards [MQTT-4.8.2-1] [MQTT-4.8.2-2] (5.0).
    ShareName,
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Empty => f.write_str("a topic has at least one character"),
            Self::Wildcard => f.write_str("a topic name must not contain the wildcards `+` and `#`"),
            Self::MultiLevelWildcard => f.write_str("`#` must be the whole last level of a filter"),
            Self::SingleLevelWildcard => f.write_str("`+` must be the whole of its level"),
            Self::ShareName => f.write_str("a shared subscription is `$share/name/filter`"),
        }
    }
}

impl core::error::Error for TopicError {}

impl From<TextError> for TopicError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl From<Infallible> for TopicError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Checks a topic name that is an MQTT string already.
/// [MQTT-4.7.3-1] (both versions), [MQTT-4.7.1-1] (3.1.1), [MQTT-4.7.0-1] (5.0)
pub(crate) fn check_name(name: &str) -> Result<(), TopicError> {
    if name.is_empty() {
        return Err(TopicError::Empty);
    }
    if contains_any(name.as_bytes(), [b'+', b'#']) {
        return Err(TopicError::Wildcard);
    }
    Ok(())
}

/// Checks the wildcards of a filter that is an MQTT string already; `$share/` has no meaning here.
/// [MQTT-4.7.1-2] [MQTT-4.7.3-1] (both versions), [MQTT-4.7.1-3] (3.1.1), [MQTT-4.7.1-1] (5.0)
pub(crate) fn check_filter(filter: &str) -> Result<(), TopicError> {
    if filter.is_empty() {
        return Err(TopicError::Empty);
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err(TopicError::MultiLevelWildcard);
        }
        if level.contains('+') && level != "+" {
            return Err(TopicError::SingleLevelWildcard);
        }
    }
    Ok(())
}

/// Splits `$share/name/filter`; `None` if the filter is not a shared one.
/// [MQTT-4.8.2-1] [MQTT-4.8.2-2] (5.0)
pub(crate) fn split_share(filter: &str) -> Result<Option<(&str, &str)>, TopicError> {
    let Some(rest) = filter.strip_prefix("$share") else {
        return Ok(None);
    };
    if !(rest.is_empty() || rest.starts_with('/')) {
        return Ok(None);
    }
    let (name, filter) =
        rest.strip_prefix('/').and_then(|rest| rest.split_once('/')).ok_or(TopicError::ShareName)?;
    if name.is_empty() || name.contains(['+', '#']) || filter.is_empty() {
        return Err(TopicError::ShareName);
    }
    Ok(Some((name, filter)))
}

/// The name that a message is published to: one character at least, no wildcard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Text);

/// The pattern of a subscription: levels between `/`, where `+` stands for one level and a last `#` for any number.
///
/// A filter of the form `$share/name/filter` is a shared subscription of MQTT 5.0 (section 4.8.2). In 3.1.1 the form has
/// no meaning of its own, but it is checked all the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter(Text);

impl TopicName {
    /// Takes a buffer over without copying it.
    ///
    /// # Errors
    ///
    /// Says why it is not a topic name.
    pub fn new(name: impl Into<Bytes>) -> Result<Self, TopicError> {
        let name = name.into();
        check_name(check_text(&name)?)?;
        Ok(Self(Text::from_checked(name)))
    }

    /// Wraps a name that was checked before.
    pub(crate) fn from_checked(name: Bytes) -> Self {
        Self(Text::from_checked(name))
    }
}

impl TopicFilter {
    /// Takes a buffer over without copying it.
    ///
    /// # Errors
    ///
    /// Says why it is not a topic filter.
    pub fn new(filter: impl Into<Bytes>) -> Result<Self, TopicError> {
        let filter = filter.into();
        let text = check_text(&filter)?;
        check_filter(text)?;
        split_share(text)?;
        Ok(Self(Text::from_checked(filter)))
    }

    /// Wraps a filter that was checked before.
    pub(crate) fn from_checked(filter: Bytes) -> Self {
        Self(Text::from_checked(filter))
    }

    /// The share name, if this is a shared subscription.
    #[must_use]
    pub fn share_name(&self) -> Option<&str> {
        split_share(self.as_str()).ok().flatten().map(|(name, _)| name)
    }

    /// What topics are matched against: the part behind `$share/name/`, or all of it.
    #[must_use]
    pub fn pattern(&self) -> &str {
        let filter = self.as_str();
        split_share(filter).ok().flatten().map_or(filter, |(_, pattern)| pattern)
    }

    /// Whether it contains a wildcard.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.pattern().bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// Whether a message published to `topic` matches (section 4.7): level by level, `$` topics not by a wildcard at the
    /// first level [MQTT-4.7.2-1] (both versions). A shared filter matches by its pattern.
    #[must_use]
    pub fn matches(&self, topic: &TopicName) -> bool {
        let pattern = self.pattern();
        if topic.as_bytes().starts_with(b"$") && pattern.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.as_bytes().split(|byte| *byte == b'/');
        for expected in pattern.as_bytes().split(|byte| *byte == b'/') {
            match (expected, levels.next()) {
                (b"#", _) => return true,
                (b"+", Some(_)) => {}
                (expected, Some(level)) if expected == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

/// What both kinds of topic share.
macro_rules! text_like {
    ($name:ident) => {
        impl $name {
            /// The text. Costs a scan of the bytes: hot paths compare [`as_bytes`](Self::as_bytes).
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The text's bytes, without cost.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }

            /// The same characters, without the promise about their form.
            #[must_use]
            pub const fn as_text(&self) -> &Text {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = TopicError;

            fn try_from(text: &str) -> Result<Self, TopicError> {
                Self::new(Bytes::copy_from_slice(text.as_bytes()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = TopicError;

            fn try_from(text: String) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }
    };
}

text_like!(TopicName);
text_like!(TopicFilter);

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, topic: &str) -> bool {
        TopicFilter::try_from(filter).unwrap().matches(&TopicName::try_from(topic).unwrap())
    }

    /// [MQTT-3.3.2-3] [MQTT-4.7.3-4] (both versions)
    #[test]
    fn filters_match_level_by_level() {
        for (filter, topic, expected) in [
            ("a/b/c", "a/b/c", true),
            ("a/b/c", "a/b", false),
            ("a/b", "a/b/c", false),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a//c", true),
            ("a/#", "a/b/c", true),
            ("a/#", "a", true),
            ("a/#", "ab", false),
            ("#", "a/b", true),
            ("#", "/", true),
            ("+", "a", true),
            ("+", "/a", false),
            ("/+", "/a", true),
            ("+/+", "/a", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("A", "a", false),
            ("$share/group/a/#", "a/b", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} against {topic}");
        }
    }

    /// [MQTT-4.7.2-1] (both versions).
    #[test]
    fn wildcards_at_the_start_do_not_match_dollar_topics() {
        for (filter, expected) in
            [("#", false), ("+/a", false), ("+/#", false), ("$SYS/#", true), ("$SYS/+", true)]
        {
            assert_eq!(matches(filter, "$SYS/a"), expected, "{filter}");
        }
        assert!(matches("a/+", "a/$b"));
    }

    /// [MQTT-4.7.1-2] [MQTT-4.7.3-1] (both versions), [MQTT-4.7.1-3] (3.1.1), [MQTT-4.7.1-1] [MQTT-4.8.2-1] (5.0)
    /// [MQTT-4.8.2-2] (5.0)
    #[test]
    fn wildcards_stand_alone_in_their_level() {
        for (filter, error) in [
            ("", TopicError::Empty),
            ("a#", TopicError::MultiLevelWildcard),
            ("#/a", TopicError::MultiLevelWildcard),
            ("a/#/", TopicError::MultiLevelWildcard),
            ("##", TopicError::MultiLevelWildcard),
            ("a+", TopicError::SingleLevelWildcard),
            ("a/+b/c", TopicError::SingleLevelWildcard),
            ("++", TopicError::SingleLevelWildcard),
            ("$share", TopicError::ShareName),
            ("$share/", TopicError::ShareName),
            ("$share/g", TopicError::ShareName),
            ("$share/g/", TopicError::ShareName),
            ("$share//t", TopicError::ShareName),
            ("$share/+/t", TopicError::ShareName),
        ] {
            assert_eq!(TopicFilter::try_from(filter), Err(error), "{filter}");
        }
        assert!(TopicFilter::try_from("$shared/a").unwrap().share_name().is_none());
        let shared = TopicFilter::try_from("$share/g/a/+").unwrap();
        assert_eq!((shared.share_name(), shared.pattern()), (Some("g"), "a/+"));
    }

    /// [MQTT-3.3.2-2] (both versions).
    /// [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] (both versions), [MQTT-4.7.1-1] (3.1.1),
    /// [MQTT-4.7.0-1] (5.0)
    #[test]
    fn names_have_no_wildcards() {
        for (name, error) in [
            ("", TopicError::Empty),
            ("a/+", TopicError::Wildcard),
            ("a#", TopicError::Wildcard),
            ("a\0", TopicError::Text(TextError::ContainsNul)),
        ] {
            assert_eq!(TopicName::try_from(name), Err(error), "{name}");
        }
        let long = "a".repeat(65_536);
        assert_eq!(TopicName::try_from(&*long), Err(TopicError::Text(TextError::TooLong)));
        assert!(TopicName::try_from(&long[1..]).is_ok());
    }
}
