//! Properties of topic filters, on random examples.

use mqtt_engine::{TopicFilter, TopicName};
use mqtt_engine_fuzz::naive_matches;
use proptest::{prelude::*, test_runner::RngSeed};

/// Levels of a name: few and short, so that names and filters often have them in common.
fn name_levels() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab$é]{0,2}", 1..6).prop_filter("a name has a character", |levels| levels != &[""])
}

fn name() -> impl Strategy<Value = TopicName> {
    name_levels().prop_map(|levels| TopicName::try_from(levels.join("/")).expect("a name"))
}

/// A filter made of a name: some levels turned into `+`, and the end perhaps into `#`.
fn filter() -> impl Strategy<Value = TopicFilter> {
    let parts = (name_levels(), prop::collection::vec(any::<bool>(), 6), prop::option::of(0..6_usize));
    parts.prop_map(|(mut levels, singles, multi)| {
        for (level, is_single) in levels.iter_mut().zip(singles) {
            if is_single {
                "+".clone_into(level);
            }
        }
        if let Some(place) = multi.filter(|place| *place < levels.len()) {
            levels.truncate(place);
            levels.push("#".into());
        }
        TopicFilter::try_from(levels.join("/")).expect("a filter")
    })
}

fn named(text: &str) -> TopicName {
    TopicName::try_from(text).expect("a name")
}

fn filtered(text: &str) -> TopicFilter {
    TopicFilter::try_from(text).expect("a filter")
}

/// The same examples in every run.
fn config() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x6D71_7474);
    ProptestConfig { cases: 2000, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_matcher_agrees_with_the_sentences_of_the_specification(filter in filter(), name in name()) {
        prop_assert_eq!(filter.matches(&name), naive_matches(filter.as_str(), name.as_str()));
    }

    #[test]
    fn a_filter_without_wildcards_matches_its_own_name_alone(name in name(), other in name()) {
        let filter = filtered(name.as_str());
        prop_assert!(filter.matches(&name) && !filter.has_wildcard());
        prop_assert_eq!(filter.matches(&other), name == other);
    }

    #[test]
    fn a_level_replaced_by_a_plus_still_matches(levels in name_levels(), place in any::<prop::sample::Index>()) {
        let name = named(&levels.join("/"));
        let place = place.index(levels.len());
        let mut levels = levels;
        "+".clone_into(&mut levels[place]);
        let is_hidden = place == 0 && name.as_str().starts_with('$');
        prop_assert_eq!(filtered(&levels.join("/")).matches(&name), !is_hidden);
    }

    #[test]
    fn an_end_replaced_by_a_hash_still_matches(levels in name_levels(), place in any::<prop::sample::Index>()) {
        let name = named(&levels.join("/"));
        // From behind the last level on it stands for no level at all.
        let place = place.index(levels.len() + 1);
        let filter = levels[..place].iter().map(String::as_str).chain(["#"]).collect::<Vec<_>>().join("/");
        let is_hidden = place == 0 && name.as_str().starts_with('$');
        prop_assert_eq!(filtered(&filter).matches(&name), !is_hidden);
    }

    #[test]
    fn a_shared_filter_matches_what_its_pattern_matches(filter in filter(), name in name()) {
        prop_assume!(!filter.as_str().is_empty());
        let shared = filtered(&format!("$share/group/{filter}"));
        prop_assert_eq!(shared.share_name(), Some("group"));
        prop_assert_eq!(shared.pattern(), filter.as_str());
        prop_assert_eq!(shared.matches(&name), filter.matches(&name));
    }

    #[test]
    fn no_name_has_a_wildcard(text in "[ab/+#]{1,6}") {
        prop_assert_eq!(TopicName::try_from(&*text).is_ok(), !text.contains(['+', '#']));
    }
}
