//! Reading and writing packets: this engine, its peers, a codec written by hand for these packets, and a mere copy.

mod by_hand;
mod contender;
mod memcpy;
mod ours;
mod sample;

use std::{error::Error, num::NonZeroUsize};

use self::contender::{Contender, decoding, encoding, in_pieces};
use crate::{
    measure::{self, Case},
    report::{self, Section},
};

/// Every contender with every work it can do.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    add::<ours::Ours>(&mut cases);
    add::<ours::OursKept>(&mut cases);
    add::<by_hand::ByHand>(&mut cases);
    add::<memcpy::Memcpy>(&mut cases);
    cases
}

fn add<C: Contender>(cases: &mut Vec<Case>) {
    let samples = sample::samples();
    cases.extend(samples.iter().filter_map(decoding::<C>));
    cases.extend(in_pieces::<C>(&sample::plain_publish()));
    cases.extend(samples.iter().filter_map(encoding::<C>));
}

/// Measures them all.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let cases = cases();
    let measured = measure::run(&cases, rounds)?;
    let mut text = report::side_by_side(&cases, &measured);
    text += &report::facts(&["bytes"]);
    Ok(Section { group: "codec", text, charts: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::{contender::check, *};

    #[test]
    fn each_contender_reads_and_writes_what_it_is_measured_with() {
        check::<ours::Ours>();
        check::<ours::OursKept>();
        check::<by_hand::ByHand>();
        check::<memcpy::Memcpy>();
    }
}
