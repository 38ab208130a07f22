//! Whether a filter matches a topic: the rules of section 4.7, read off one by one.

/// The filter behind `$share/name/`, if it is shared.
pub(crate) fn shared(filter: &str) -> Option<&str> {
    filter.strip_prefix("$share/")?.split_once('/').map(|(_, filter)| filter)
}

/// `filter` is not a shared one.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specifications() {
        let filter = "sport/tennis/player1/#";
        for topic in ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/w"]
        {
            assert!(matches(filter, topic), "{topic}");
        }
        assert!(matches("sport/tennis/+", "sport/tennis/player1"));
        assert!(!matches("sport/tennis/+", "sport/tennis/player1/ranking"));
        assert!(!matches("sport/+", "sport") && matches("sport/+", "sport/"));
        assert!(matches("+/+", "/finance") && matches("/+", "/finance") && !matches("+", "/finance"));
        assert!(!matches("#", "$SYS/a") && !matches("+/a", "$SYS/a") && matches("$SYS/#", "$SYS/a"));
        assert_eq!((shared("$share/g/a/#"), shared("a/b")), (Some("a/#"), None));
    }
}
