//! Who may publish and subscribe to what.

use std::{borrow::Cow, collections::BTreeMap};

use mqtt_engine::{TopicFilter, TopicName};

/// Whom a decision is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) client_id: &'a str,
    /// `None` for a client that did not prove who it is.
    pub(crate) user_name: Option<&'a str>,
}

/// What it wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action<'a> {
    Publish(&'a TopicName),
    Subscribe(&'a TopicFilter),
}

/// All permissions. What is not allowed is denied:
///
/// 1. If a `deny` pattern of anybody it applies to touches the topic or filter, the answer is no.
/// 2. If a pattern of `publish`, `subscribe` or `both` covers it entirely, the answer is yes.
/// 3. Otherwise it is no.
///
/// To an authenticated user apply the rules for all users and those for this one, to others only those for the anonymous.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub(crate) anonymous: Rules,
    pub(crate) all_users: Rules,
    pub(crate) users: BTreeMap<String, Rules>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) publish: Vec<Pattern>,
    pub(crate) subscribe: Vec<Pattern>,
    pub(crate) both: Vec<Pattern>,
    pub(crate) deny: Vec<Pattern>,
}

impl Permissions {
    pub(crate) fn allow(&self, subject: Subject<'_>, action: Action<'_>) -> bool {
        let none = Rules::default();
        let sets = match subject.user_name {
            None => [&self.anonymous, &none],
            Some(name) => [&self.all_users, self.users.get(name).unwrap_or(&none)],
        };
        // A pattern that this client's name would turn into another one: it denies, whatever it would deny.
        let denied = sets.iter().flat_map(|rules| &rules.deny).any(|pattern| {
            pattern.fill(subject).is_none_or(|filled| match action {
                Action::Publish(topic) => filled.matches(topic),
                Action::Subscribe(filter) => overlap(filled.pattern(), filter.pattern()),
            })
        });
        let allowed = |pattern: &Pattern| {
            pattern.fill(subject).is_some_and(|filled| match action {
                Action::Publish(topic) => filled.matches(topic),
                Action::Subscribe(filter) => covers(filled.pattern(), filter.pattern()),
            })
        };
        !denied
            && sets.iter().any(|rules| {
                let own = match action {
                    Action::Publish(_) => &rules.publish,
                    Action::Subscribe(_) => &rules.subscribe,
                };
                own.iter().chain(&rules.both).any(allowed)
            })
    }
}

/// A topic filter in which `%c` stands for the client identifier, `%u` for the user name and `%%` for a percent sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// The filter, if nothing is to be filled in.
    fixed: Option<TopicFilter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    ClientId,
    UserName,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut parts = vec![Part::Text(String::new())];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let next = match character {
                '%' => match characters.next() {
                    Some('c') => Part::ClientId,
                    Some('u') => Part::UserName,
                    Some('%') => Part::Text(String::from('%')),
                    _ => return Err(String::from("behind % comes c (client id), u (user name) or %")),
                },
                other => Part::Text(String::from(other)),
            };
            match (next, parts.last_mut()) {
                (Part::Text(more), Some(Part::Text(text))) => text.push_str(&more),
                (next, _) => parts.push(next),
            }
        }
        let pattern = Self { parts, fixed: None };
        // Whether it is a filter does not depend on the names.
        let example = Subject { client_id: "c", user_name: Some("u") };
        let text = pattern.fill_text(example).unwrap_or_default();
        let filter = TopicFilter::try_from(text).map_err(|error| error.to_string())?;
        if filter.share_name().is_some() {
            return Err(String::from(
                "shared subscriptions need the permission for the filter behind $share/NAME/",
            ));
        }
        let fixed = (!pattern.uses(&Part::ClientId) && !pattern.uses(&Part::UserName)).then_some(filter);
        Ok(Self { fixed, ..pattern })
    }

    pub(crate) fn uses_user_name(&self) -> bool {
        self.uses(&Part::UserName)
    }

    fn uses(&self, part: &Part) -> bool {
        self.parts.contains(part)
    }

    /// The filter for this client; none if a name would change what the pattern means.
    fn fill(&self, subject: Subject<'_>) -> Option<Cow<'_, TopicFilter>> {
        match &self.fixed {
            Some(fixed) => Some(Cow::Borrowed(fixed)),
            None => TopicFilter::try_from(self.fill_text(subject)?).ok().map(Cow::Owned),
        }
    }

    fn fill_text(&self, subject: Subject<'_>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.parts {
            let name = match part {
                Part::Text(text) => {
                    filled.push_str(text);
                    continue;
                }
                Part::ClientId => subject.client_id,
                Part::UserName => subject.user_name?,
            };
            if name.is_empty() || name.contains(['+', '#', '/', '$']) {
                return None;
            }
            filled.push_str(name);
        }
        Some(filled)
    }
}

/// Whether every topic that matches `inner` matches `outer`, too.
pub(crate) fn covers(outer: &str, inner: &str) -> bool {
    // A wildcard at the first level does not match topics that begin with $.
    if outer.starts_with(['+', '#']) && inner.starts_with('$') {
        return false;
    }
    // The same topics; deeper down + asks for a level that # does not.
    let outer = if outer == "+/#" { "#" } else { outer };
    let mut levels = inner.split('/');
    for expected in outer.split('/') {
        match (expected, levels.next()) {
            ("#", _) => return true,
            ("+", Some(level)) if level != "#" => {}
            (expected, Some(level)) if expected == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether there is a topic that matches both.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let is_wild = |filter: &str| filter.starts_with(['+', '#']);
    if (is_wild(one) && other.starts_with('$')) || (is_wild(other) && one.starts_with('$')) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) | (Some("#"), _) | (_, Some("#")) => return true,
            (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    /// All filters of up to three levels of these words, and all topics of up to four.
    fn all(words: &[&str], most: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut last = vec![String::new()];
        for level in 0..most {
            last = last
                .iter()
                .flat_map(|start| {
                    words.iter().map(
                        move |word| if level == 0 { (*word).to_owned() } else { format!("{start}/{word}") },
                    )
                })
                .collect();
            found.extend(last.iter().cloned());
        }
        found
    }

    /// Against the definition: the sets of topics. Three levels of words that occur nowhere else tell any two filters apart.
    #[test]
    fn containment_and_overlap_are_those_of_the_sets_of_topics() {
        let filters: Vec<_> = all(&["a", "$b", "", "+", "#"], 3)
            .into_iter()
            // It would match the empty topic, if there were one: treated as if there were, which denies more and allows less.
            .filter(|filter| filter != "/#")
            .filter_map(|filter| TopicFilter::try_from(filter).ok())
            .collect();
        let topics: Vec<_> = all(&["a", "$b", "", "other"], 4)
            .into_iter()
            .filter_map(|topic| TopicName::try_from(topic).ok())
            .collect();
        let sets: Vec<Vec<bool>> =
            filters.iter().map(|filter| topics.iter().map(|topic| filter.matches(topic)).collect()).collect();
        assert!(filters.len() > 80 && topics.len() > 300);
        for (outer, of_outer) in filters.iter().zip(&sets) {
            for (inner, of_inner) in filters.iter().zip(&sets) {
                let (one, other) = (outer.as_str(), inner.as_str());
                let common = of_outer.iter().zip(of_inner).any(|(a, b)| *a && *b);
                assert_eq!(overlap(one, other), common, "{one} overlaps {other}");
                let contained = of_outer.iter().zip(of_inner).all(|(a, b)| *a || !*b);
                assert_eq!(covers(one, other), contained, "{one} covers {other}");
            }
        }
    }

    #[test]
    fn patterns_must_be_filters() {
        for (text, reason) in [
            ("a/%x", "behind % comes c (client id), u (user name) or %"),
            ("a%", "behind % comes c (client id), u (user name) or %"),
            ("$share/g/a", "shared subscriptions need the permission for the filter behind $share/NAME/"),
        ] {
            assert_eq!(Pattern::new(text).unwrap_err(), reason);
        }
        assert!(Pattern::new("").is_err());
        assert!(Pattern::new("a/#/b").is_err());
        assert!(Pattern::new("a+%c").is_err());
        assert!(Pattern::new("%c#").is_err());
        assert_eq!(Pattern::new("100%%").unwrap().fixed, Some(TopicFilter::try_from("100%").unwrap()));
    }
}
