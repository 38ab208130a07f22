//! Whatever comes, the checker lives.

use mqtt_engine::Timestamp;
use mqtt_engine_sim::checker::{Checker, Role, Settings, View};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// Pieces of all conversations in any order, some with a wrong byte, on connections that come and go.
#[test]
fn no_input_makes_it_panic() {
    let talks = crate::talks();
    let pieces: Vec<(bool, &[u8])> =
        talks.iter().flat_map(|talk| talk.bytes().map(|(_, is_own, bytes)| (is_own, bytes))).collect();
    let mut found = 0;
    for seed in 0..2000 {
        let mut random = Random(seed);
        let role = if seed % 2 == 0 { Role::Client } else { Role::Server };
        let mut settings = Settings::default();
        settings.view = if seed % 3 == 0 { View::Wire } else { View::Whole };
        let mut checker = Checker::with_settings(role, settings);
        let mut link = 0;
        for _ in 0..60 {
            let now = Timestamp::from_millis(random.below(100_000) as u64);
            let (is_own, bytes) = pieces[random.below(pieces.len())];
            let mut bytes = bytes.to_vec();
            if random.below(8) == 0 {
                let place = random.below(bytes.len());
                bytes[place] ^= 1 << random.below(8);
            }
            match random.below(40) {
                0 => checker.closed(link, now),
                1 => link += 1,
                2 => checker.forgot(now),
                3 => checker.settled(now),
                4 => checker.opened(random.below(5) as u64, now),
                _ if is_own == (random.below(20) > 0) => checker.wrote(link, &bytes, now),
                _ => checker.read(link, &bytes, now),
            }
            let _ = (checker.owed(), checker.unfinished());
        }
        found += checker.violations().len();
    }
    assert!(found > 2000, "{found}");
}

/// Bytes that no party ever wrote.
#[test]
fn noise_is_malformed() {
    let mut random = Random(1);
    for role in [Role::Client, Role::Server] {
        for _ in 0..500 {
            let noise: Vec<u8> = (0..40).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            let mut checker = Checker::new(role);
            checker.read(1, &noise, Timestamp::ZERO);
            assert_eq!(checker.violations(), [], "only the party is judged");
            checker.wrote(2, &noise, Timestamp::ZERO);
        }
    }
}
