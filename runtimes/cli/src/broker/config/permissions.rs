//! The section `[permissions]`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::source::Source;
use crate::{
    broker::access::{Passwords, Pattern, Permissions, Rules},
    failure::Failure,
};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPermissions {
    anonymous: RawRules,
    all_users: RawRules,
    user: BTreeMap<Spanned<String>, RawRules>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRules {
    publish: Vec<Spanned<String>>,
    subscribe: Vec<Spanned<String>>,
    both: Vec<Spanned<String>>,
    deny: Vec<Spanned<String>>,
}

impl RawPermissions {
    pub(super) fn read(self, source: &Source, passwords: Option<&Passwords>) -> Result<Permissions, Failure> {
        let mut users = BTreeMap::new();
        for (name, rules) in self.user {
            if !passwords.is_some_and(|passwords| passwords.knows(name.get_ref())) {
                let user = name.get_ref();
                let why = match passwords {
                    Some(_) => format!("permissions of {user:?}, who is not in the password file"),
                    None => {
                        format!("permissions of {user:?}, but there is no password file to know users by")
                    }
                };
                return Err(source.fault(&name.span(), why));
            }
            users.insert(name.into_inner(), rules.read(source)?);
        }
        for pattern in self.anonymous.patterns() {
            if Pattern::new(pattern.get_ref()).is_ok_and(|pattern| pattern.uses_user_name()) {
                let text = pattern.get_ref();
                let why = format!(
                    "pattern {text:?}: %u means nothing here, for an anonymous client has no user name"
                );
                return Err(source.fault(&pattern.span(), why));
            }
        }
        Ok(Permissions {
            anonymous: self.anonymous.read(source)?,
            all_users: self.all_users.read(source)?,
            users,
        })
    }
}

impl RawRules {
    fn patterns(&self) -> impl Iterator<Item = &Spanned<String>> {
        [&self.publish, &self.subscribe, &self.both, &self.deny].into_iter().flatten()
    }

    fn read(self, source: &Source) -> Result<Rules, Failure> {
        let read = |patterns: Vec<Spanned<String>>| {
            let read = |pattern: Spanned<String>| {
                Pattern::new(pattern.get_ref()).map_err(|reason| {
                    source.fault(&pattern.span(), format_args!("pattern {:?}: {reason}", pattern.get_ref()))
                })
            };
            patterns.into_iter().map(read).collect::<Result<Vec<_>, _>>()
        };
        Ok(Rules {
            publish: read(self.publish)?,
            subscribe: read(self.subscribe)?,
            both: read(self.both)?,
            deny: read(self.deny)?,
        })
    }
}
