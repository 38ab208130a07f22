use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};
use std::thread;

use super::*;
use crate::{TopicFilter, TopicName};

impl TopicTree<String> {
    fn remove(&mut self, topic: &[u8]) -> Option<String> {
        self.update(topic, |value| (false, core::mem::take(value)))
    }
}

fn filters_matching(tree: &TopicTree<String>, name: &str) -> Vec<String> {
    let mut found = vec![];
    tree.visit_matching_filters(name.as_bytes(), &mut Walk::default(), |value| found.push(value.clone()));
    found.sort();
    found
}

fn names_matching(tree: &TopicTree<String>, filter: &str) -> Vec<String> {
    let mut found = vec![];
    tree.visit_matching_names(filter.as_bytes(), None, |value| {
        found.push(value.clone());
        true
    });
    found
}

/// The same in portions of `size`.
fn names_in_portions(tree: &TopicTree<String>, filter: &str, size: usize) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    loop {
        let (before, after) = (found.len(), found.last().cloned());
        tree.visit_matching_names(filter.as_bytes(), after.as_ref().map(|name| name.as_bytes()), |value| {
            found.push(value.clone());
            found.len() < before + size
        });
        if found.len() < before + size {
            return found;
        }
    }
}

fn tree_of(topics: &[&str]) -> TopicTree<String> {
    let mut tree = TopicTree::new();
    for topic in topics {
        tree.get_or_insert_with(topic.as_bytes(), || (*topic).into());
    }
    tree
}

/// [MQTT-4.7.1-2] [MQTT-4.7.1-3] (3.1.1), flow 8 of the wire examples.
#[test]
fn a_name_finds_its_filters() {
    let tree = tree_of(&["a/+/c", "a/#", "a/b/c", "#", "+", "+/b/c", "a/b", "/+", "a/b/c/#", "a/b/c/+"]);
    assert_eq!(filters_matching(&tree, "a/b/c"), ["#", "+/b/c", "a/#", "a/+/c", "a/b/c", "a/b/c/#"]);
    assert_eq!(filters_matching(&tree, "a"), ["#", "+", "a/#"]);
    assert_eq!(filters_matching(&tree, "/a"), ["#", "/+"]);
    assert_eq!(filters_matching(&tree, "a/b/c/"), ["#", "a/#", "a/b/c/#", "a/b/c/+"]);
}

/// [MQTT-4.7.2-1] (both versions), in both directions.
#[test]
fn wildcards_at_the_first_level_leave_dollar_topics_alone() {
    let tree = tree_of(&["#", "+/a", "+/#", "$SYS/#", "$SYS/+", "$SYS/a"]);
    assert_eq!(filters_matching(&tree, "$SYS/a"), ["$SYS/#", "$SYS/+", "$SYS/a"]);
    let names = tree_of(&["$SYS/a", "$SYS/$b", "$x", "a/$b", "b"]);
    assert_eq!(names_matching(&names, "#"), ["a/$b", "b"]);
    assert_eq!(names_matching(&names, "+"), ["b"]);
    assert_eq!(names_matching(&names, "+/a"), [""; 0]);
    assert_eq!(names_matching(&names, "$SYS/#"), ["$SYS/$b", "$SYS/a"]);
    assert_eq!(names_matching(&names, "a/+"), ["a/$b"]);
}

#[test]
fn a_filter_finds_its_names_in_order() {
    let names = tree_of(&["a", "a/", "a/b", "a/b/c", "ab", "/", "/a", "b/b"]);
    assert_eq!(names_matching(&names, "a/#"), ["a", "a/", "a/b", "a/b/c"]);
    assert_eq!(names_matching(&names, "+/b"), ["a/b", "b/b"]);
    assert_eq!(names_matching(&names, "+/+"), ["/", "/a", "a/", "a/b", "b/b"]);
    assert_eq!(names_matching(&names, "a/"), ["a/"]);
    assert_eq!(names_matching(&names, "#").len(), 8);
}

/// A walk goes on behind a name, also one that is gone meanwhile.
#[test]
fn a_walk_over_names_goes_on_where_it_stopped() {
    let names = tree_of(&["a", "a/", "a/b", "a/b/c", "ab", "/", "/a", "b/b"]);
    for filter in ["#", "a/#", "+/b", "+/+", "a/b/c", "a"] {
        for size in 1..4 {
            assert_eq!(
                names_in_portions(&names, filter, size),
                names_matching(&names, filter),
                "{filter} by {size}"
            );
        }
    }
    let mut found = vec![];
    names.visit_matching_names(b"#", Some(b"a/a"), |value| {
        found.push(value.clone());
        true
    });
    assert_eq!(found, ["a/b", "a/b/c", "ab", "b/b"]);
}

#[test]
fn removed_topics_leave_no_node_behind() {
    let mut tree = tree_of(&["a/b/c", "a/b", "a/+/#"]);
    assert_eq!(tree.remove(b"a/b"), Some("a/b".into()));
    assert_eq!(tree.remove(b"a/b"), None);
    assert_eq!(tree.remove(b"a"), None);
    assert_eq!(filters_matching(&tree, "a/b/c"), ["a/+/#", "a/b/c"]);
    assert!(tree.remove(b"a/b/c").is_some());
    let nodes = tree.nodes.len();
    tree.get_or_insert_with(b"x/y", String::new);
    assert_eq!(tree.nodes.len(), nodes, "freed nodes are used again");
    assert!(tree.remove(b"x/y").is_some() && tree.remove(b"a/+/#").is_some());
    assert!(tree.nodes.is_empty());
}

/// CVE-2019-11779: filters and names of 65,535 `/` on a stack of 32 KiB: inserted, walked, removed and dropped.
#[test]
fn deep_topics_need_no_stack() {
    let deep = "/".repeat(65_535);
    let wild = "+/".repeat(32_767) + "#";
    let work = move || {
        let mut tree = tree_of(&[&deep, &wild]);
        assert_eq!(filters_matching(&tree, &deep).len(), 2);
        assert_eq!(names_matching(&tree_of(&[&deep]), &wild).len(), 1);
        assert!(tree.remove(deep.as_bytes()).is_some());
        drop(tree);
    };
    thread::Builder::new().stack_size(32 << 10).spawn(work).unwrap().join().unwrap();
}

/// Numbers without a meaning, the same in every run (xorshift64*).
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn topic(&mut self, levels: &[&str]) -> String {
        let count = 1 + self.below(4);
        let topic = (0..count).map(|_| levels[self.below(levels.len())]).collect::<Vec<_>>().join("/");
        if topic.is_empty() { "a".into() } else { topic }
    }

    fn filter(&mut self) -> String {
        let mut filter = self.topic(&["a", "b", "", "$x", "+"]);
        match self.below(4) {
            0 => filter.push_str("/#"),
            1 if self.below(4) == 0 => filter = "#".into(),
            _ => {}
        }
        filter
    }
}

/// Both walks say the same as [`TopicFilter::matches`], while topics come and go.
/// [MQTT-3.3.2-3] [MQTT-4.7.2-1] (both versions)
#[test]
fn agrees_with_the_definition() {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let mut filters: (TopicTree<String>, BTreeMap<String, TopicFilter>) = (TopicTree::new(), BTreeMap::new());
    let mut names: (TopicTree<String>, BTreeMap<String, TopicName>) = (TopicTree::new(), BTreeMap::new());
    for _ in 0..3_000 {
        let (filter, name) = (noise.filter(), noise.topic(&["a", "b", "c", "", "$x"]));
        if noise.below(2) == 0 {
            filters.0.get_or_insert_with(filter.as_bytes(), || filter.clone());
            filters.1.insert(filter.clone(), TopicFilter::try_from(&*filter).unwrap());
            names.0.get_or_insert_with(name.as_bytes(), || name.clone());
            names.1.insert(name.clone(), TopicName::try_from(&*name).unwrap());
        } else {
            assert_eq!(
                filters.0.remove(filter.as_bytes()),
                filters.1.remove(&filter).map(|_| filter.clone())
            );
            assert_eq!(names.0.remove(name.as_bytes()), names.1.remove(&name).map(|_| name.clone()));
        }
        let published = TopicName::try_from(&*name).unwrap();
        let expected: Vec<_> = filters
            .1
            .iter()
            .filter(|(_, filter)| filter.matches(&published))
            .map(|(text, _)| text.clone())
            .collect();
        assert_eq!(filters_matching(&filters.0, &name), expected, "filters for {name}");
        let wanted = TopicFilter::try_from(&*filter).unwrap();
        let mut expected: Vec<_> =
            names.1.iter().filter(|(_, name)| wanted.matches(name)).map(|(text, _)| text.clone()).collect();
        let mut found = names_matching(&names.0, &filter);
        assert_eq!(names_in_portions(&names.0, &filter, 1 + noise.below(3)), found, "portions for {filter}");
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "names for {filter}");
    }
}
