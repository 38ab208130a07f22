//! Panics in tasks. A runtime keeps them in the task's handle, where nobody may ever look; a run must fail of them.

use std::{
    cell::RefCell,
    panic::{self, PanicHookInfo},
    sync::Once,
};

thread_local! {
    /// The first panic of this thread's run; none outside of a run.
    static FIRST: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Panics of this thread are noted from here on.
pub(super) fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !note(info) {
                usual(info);
            }
        }));
    });
    FIRST.with_borrow_mut(|first| *first = Some(Vec::new()));
}

/// The first panic so far, in words.
pub(super) fn first() -> Option<String> {
    FIRST.with_borrow(|first| first.as_ref().and_then(|panics| panics.first().cloned()))
}

/// Panics are no longer noted.
pub(super) fn look_away() {
    FIRST.with_borrow_mut(|first| *first = None);
}

fn note(info: &PanicHookInfo<'_>) -> bool {
    FIRST.with_borrow_mut(|first| match first {
        Some(panics) => {
            panics.push(info.to_string());
            true
        }
        None => false,
    })
}
