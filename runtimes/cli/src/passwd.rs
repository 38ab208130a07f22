//! `mqtt passwd`.

use std::io::{self, IsTerminal, Read};

use crate::{
    broker::{PasswordFile, hash, name_fault},
    failure::Failure,
    options::PasswdOptions,
};

/// The longest password that is read: as long as one can be in a CONNECT.
const LONGEST: u64 = 65_535;

pub(crate) fn run(options: &PasswdOptions) -> Result<u8, Failure> {
    let (path, user) = (&options.file, &options.user);
    if let Some(reason) = name_fault(user) {
        return Err(Failure::new(format!("{user:?}: {reason}")));
    }
    let written = if options.delete {
        let file = PasswordFile::read(path)?;
        if !file.knows(user) {
            return Err(Failure::new(format!("{}: there is no user {user}", path.display())));
        }
        file.replace(user, None)
    } else {
        let file = PasswordFile::read_or_new(path)?;
        file.replace(user, Some(&hash(ask(user)?.as_bytes())?))
    };
    written.map_err(|error| Failure::new(format!("{}: can't be written: {error}", path.display())))?;
    Ok(0)
}

/// The password: typed twice without being shown, or the first line of standard input.
fn ask(user: &str) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("the password can't be read: {error}"));
    let password = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password(format!("password of {user}: ")).map_err(unreadable)?;
        let second = rpassword::prompt_password("again: ").map_err(unreadable)?;
        if first != second {
            return Err(Failure::new("the two are not the same; nothing was changed"));
        }
        first
    } else {
        let mut text = String::new();
        io::stdin().take(LONGEST + 2).read_to_string(&mut text).map_err(unreadable)?;
        text.lines().next().unwrap_or_default().to_owned()
    };
    if password.is_empty() {
        return Err(Failure::new("the password is empty; nothing was changed"));
    }
    if u64::try_from(password.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(Failure::new("the password is longer than 65,535 bytes, which no client can send"));
    }
    Ok(password)
}
