//! The topics and filters of the workload, and how a payload is numbered.

/// What is published to; `no/…` is forbidden to clients, `$s/…` and `$t/…` are for shared subscriptions alone.
pub(crate) const TOPICS: [&str; 20] = [
    "a/b",
    "a/c",
    "a",
    "c",
    "$s/1",
    "$s/2",
    "$t/1",
    "x/1",
    "x/2",
    "no/1",
    "a/b/c",
    "$a/b",
    "longer/than/an/alias",
    "/a",
    "a//c",
    // Wills.
    "will/0",
    "will/1",
    "will/2",
    "will/3",
    "will/4",
];

/// How many of them clients publish to.
pub(crate) const PUBLISHABLE: usize = 15;

/// What is subscribed to; nobody may subscribe to `no/…`.
pub(crate) const FILTERS: [&str; 19] = [
    "a/#", "a/+", "a/b", "c", "+/b", "longer/#", "$a/#", "#", "+", "x/#", "x/1", "will/+", SHARED_S,
    SHARED_T, "no/#", "/+", "a/+/c", "+/+", "a/b/c/#",
];

/// All members are granted QoS 2.
pub(crate) const SHARED_S: &str = "$share/g/$s/#";
/// Members are granted what they ask for.
pub(crate) const SHARED_T: &str = "$share/h/$t/+";

/// The place of a topic in the list.
pub(crate) fn topic_index(topic: &str) -> Option<u8> {
    TOPICS.iter().position(|known| *known == topic).map(|place| place as u8)
}

/// The place of the first will among them; that of client *n* stands *n* places further.
pub(crate) const FIRST_WILL: u8 = 15;

/// The number that a payload starts with: 0 for an empty one and for wills, none for what nobody of ours wrote.
pub(crate) fn number(payload: &[u8]) -> Option<u64> {
    let digits = payload.split(|byte| *byte == b':').next()?;
    digits.iter().try_fold(0_u64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    })
}

/// Whether a payload has nothing behind its number but what was written there.
pub(crate) fn is_intact(payload: &[u8]) -> bool {
    payload.iter().skip_while(|byte| **byte != b':').skip(1).all(|byte| *byte == b'.')
}

/// A payload of this number; `None` is an empty one.
pub(crate) fn payload(number: u64, size: Option<u16>) -> Vec<u8> {
    let Some(size) = size else { return Vec::new() };
    let mut payload = format!("{number}:").into_bytes();
    payload.resize(payload.len() + usize::from(size), b'.');
    payload
}
