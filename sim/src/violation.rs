//! What a run finds.

use std::{any::Any, cell::Cell, fmt, panic};

/// A promise that was broken, or a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule, in a few words that are the same for each case of it.
    pub rule: &'static str,
    /// The case at hand.
    pub details: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.details)
    }
}

impl std::error::Error for Violation {}

/// Goes on, or stops with the first violation.
pub type Checked<T = ()> = Result<T, Violation>;

/// Stops with a violation of `rule` unless `condition` holds; the words are made only then.
macro_rules! ensure {
    ($condition:expr, $rule:literal, $($words:tt)+) => {
        if !$condition {
            return Err($crate::Violation { rule: $rule, details: format!($($words)+) });
        }
    };
}
pub(crate) use ensure;

thread_local! {
    static PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// From now on a panic in a run says nothing on standard error; its words and its place stand in the violation.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|info| PANIC.set(Some(info.to_string()))));
}

/// What a panic says.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    if let Some(words) = PANIC.take() {
        return words;
    }
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned())
}
