//! The password file: a line `USER:HASH` for each user, where HASH is an Argon2 hash in PHC form (`$argon2id$v=19$...`).
//! Empty lines and lines that begin with `#` mean nothing.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use argon2::{
    Algorithm, Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use crate::failure::Failure;

/// What one check of a password may cost, in KiB of memory: a typing error in a file must not take the machine down.
const MOST_MEMORY: u32 = 1 << 20;

/// The users of a password file: at least one.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    users: BTreeMap<String, Arc<PasswordHash>>,
    /// Compared with the password of somebody who does not exist, so that the answer takes as long.
    decoy: Arc<PasswordHash>,
}

impl Passwords {
    /// # Errors
    ///
    /// The file can't be read, has no user or a line that is not one: with file and line.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let file = PasswordFile::read(path)?;
        let decoy = file.users.values().next().cloned();
        let decoy = decoy.ok_or_else(|| {
            Failure::new(format!("{}: the password file has no user", path.display()))
                .advice(format!("add one with: mqtt passwd {} NAME", path.display()))
        })?;
        Ok(Self { users: file.users, decoy })
    }

    pub(crate) fn knows(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }

    /// Whether a user has the same password in both.
    pub(crate) fn agrees(&self, other: &Self, user: &str) -> bool {
        self.users.get(user).is_some_and(|hash| other.users.get(user) == Some(hash))
    }

    /// Takes some ten milliseconds, for an unknown user as for a known one.
    pub(crate) fn verify(&self, user: &str, password: &[u8]) -> bool {
        let found = self.users.get(user);
        let hash = found.unwrap_or(&self.decoy);
        let is_right = Argon2::default().verify_password(password, hash.as_ref()).is_ok();
        is_right && found.is_some()
    }
}

/// A hash with a salt of its own: Argon2id with 19 MiB, two passes and one lane, as OWASP recommends.
pub(crate) fn hash(password: &[u8]) -> Result<String, Failure> {
    Argon2::default()
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(|error| Failure::new(format!("the password can't be hashed: {error}")))
}

/// Why this can't be the name of a user, if so.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("a user name is needed")
    } else if name.starts_with('#') {
        Some("a user name can't begin with #, which begins a comment in the file")
    } else if name.contains(':') {
        Some("a user name can't contain a colon, which ends it in the file")
    } else if name.chars().any(char::is_control) || name.trim() != name {
        Some("a user name can't contain control characters nor begin or end with a space")
    } else if name.len() > usize::from(u16::MAX) {
        Some("a user name can have 65,535 bytes")
    } else {
        None
    }
}

/// A password file that is being looked at or changed.
#[derive(Debug)]
pub(crate) struct PasswordFile {
    path: PathBuf,
    text: String,
    users: BTreeMap<String, Arc<PasswordHash>>,
}

impl PasswordFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{}: can't be read: {error}", path.display())))?;
        Self::parse(path, text)
    }

    /// An empty one, if there is none yet.
    pub(crate) fn read_or_new(path: &Path) -> Result<Self, Failure> {
        match fs::exists(path) {
            Ok(false) => Self::parse(path, String::new()),
            Ok(true) | Err(_) => Self::read(path),
        }
    }

    fn parse(path: &Path, text: String) -> Result<Self, Failure> {
        let mut users = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            if is_idle(line) {
                continue;
            }
            let fault = |reason: &str| Failure::new(format!("{}:{}: {reason}", path.display(), index + 1));
            let (name, hash) = line
                .split_once(':')
                .ok_or_else(|| fault("not USER:HASH; `mqtt passwd` writes such lines"))?;
            if let Some(reason) = name_fault(name) {
                return Err(fault(reason));
            }
            let hash = parse_hash(hash).map_err(|reason| fault(&reason))?;
            if users.insert(name.to_owned(), Arc::new(hash)).is_some() {
                return Err(fault(&format!("the user {name} is here twice")));
            }
        }
        Ok(Self { path: path.to_owned(), text, users })
    }

    pub(crate) fn knows(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }

    /// Writes the file anew: without this user's line, or with this hash in it. Whoever reads meanwhile sees the old file or
    /// the new one, and after a crash one of them is there.
    pub(crate) fn replace(&self, user: &str, hash: Option<&str>) -> io::Result<()> {
        let mut text = String::new();
        let mut line = hash.map(|hash| format!("{user}:{hash}\n"));
        for old in self.text.lines() {
            let is_users = !is_idle(old) && old.split_once(':').is_some_and(|(name, _)| name == user);
            if !is_users {
                text.push_str(old);
                text.push('\n');
            } else if let Some(line) = line.take() {
                text.push_str(&line);
            }
        }
        text.extend(line);
        // Through a link, so that the file it leads to is replaced and not the link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        write_private(&path, text.as_bytes())
    }
}

fn is_idle(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

fn parse_hash(text: &str) -> Result<PasswordHash, String> {
    if !text.is_empty() && !text.starts_with("$argon2") {
        return Err(String::from("not an Argon2 hash; `mqtt passwd` writes them"));
    }
    let wrong = |what: &str| format!("not an Argon2 hash ({what}); `mqtt passwd` writes them");
    if text.is_empty() {
        return Err(String::from("the user has no password"));
    }
    let hash = PasswordHash::new(text).map_err(|error| wrong(&error.to_string()))?;
    Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| wrong("of an unknown kind"))?;
    let params = Params::try_from(&hash).map_err(|error| wrong(&error.to_string()))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(wrong("it is cut off"));
    }
    if params.m_cost() > MOST_MEMORY {
        return Err(format!(
            "the hash wants {} KiB of memory; at most {MOST_MEMORY} are given",
            params.m_cost()
        ));
    }
    Ok(hash)
}

/// Puts a file that only its owner may read in the place of another, at once.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = (|| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        // What can't be removed either is in nobody's way but its own.
        let _ = fs::remove_file(&new);
    }
    written
}

/// Whether others than its owner may read a file.
#[cfg(unix)]
pub(crate) fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

/// Whether others than its owner may read a file: not known here.
#[cfg(not(unix))]
pub(crate) fn is_exposed(_: &Path) -> bool {
    false
}
