//! What a message costs a broker that has few or many of something.

mod scenes;
mod world;

use std::{error::Error, hint::black_box, num::NonZeroUsize};

use self::scenes::{Connections, FanOut, Replay, Retained, Scene, Subscriptions};
use crate::{
    measure::{self, Case, Measured},
    report::{self, Grid, Section, grouped},
};

/// Every scene in each of its sizes.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    add::<Subscriptions>(&mut cases);
    add::<Connections>(&mut cases);
    add::<FanOut>(&mut cases);
    add::<Replay>(&mut cases);
    add::<Retained>(&mut cases);
    cases.sort_by_key(size_of);
    cases
}

fn add<S: Scene>(cases: &mut Vec<Case>) {
    for size in S::SIZES.iter().copied() {
        let case = Case::new("scaling", grouped(&size.to_string()), S::NAME, move || {
            let mut scene = S::set_up(size);
            move |times| {
                for _ in 0..times {
                    scene.act(|bytes| {
                        black_box(bytes);
                    });
                }
            }
        });
        let units = S::deliveries(size);
        cases.push(case.with_units(units).counted_over(1 + 100 / units as usize));
    }
}

/// Measures them all.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let cases = cases();
    let measured = measure::run(&cases, rounds)?;
    let text =
        report::side_by_side(&cases, &measured) + &growth(&cases, &measured) + &report::facts(&["bytes"]);
    Ok(Section { group: "scaling", text, charts: Vec::new() })
}

/// Whether the work grows no faster than the logarithm, from the smallest size to the largest; by instructions.
fn growth(cases: &[Case], measured: &[Measured]) -> String {
    let mut grid = Grid::new("from the smallest N to the largest");
    let mut sizes: Vec<(&str, Vec<(u32, f64)>)> = Vec::new();
    for (case, measured) in cases.iter().zip(measured) {
        let Some(counts) = measured.counts else { return String::new() };
        let size = (size_of(case), counts.instructions);
        match sizes.iter_mut().find(|(scene, _)| *scene == case.contender) {
            Some((_, sizes)) => sizes.push(size),
            None => sizes.push((case.contender, vec![size])),
        }
    }
    for (scene, sizes) in sizes {
        let [(fewest, least), .., (most, last)] = sizes[..] else { continue };
        let factor = last / least;
        let allowed = 1.0 + (f64::from(most) / f64::from(fewest)).log2();
        grid.set("instructions grow by the factor", scene, format!("{factor:.2}"));
        grid.set("the logarithm by", scene, format!("{allowed:.1}"));
        let word = if factor <= allowed { "yes" } else { "**no**" };
        grid.set("no faster than that", scene, word.to_owned());
    }
    grid.markdown() + "\n"
}

/// The number that names the row.
fn size_of(case: &Case) -> u32 {
    case.work.replace(',', "").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use mqtt_engine::{
        framing::{Framing, Span},
        packet::PacketType,
    };

    use super::*;

    /// How many PUBLISH packets clients get when it is done once.
    fn delivered<S: Scene>(scene: &mut S) -> u32 {
        let mut bytes = Vec::new();
        scene.act(|chunk| bytes.extend_from_slice(chunk));
        let (mut input, mut framing, mut count) = (&*bytes, Framing::new(usize::MAX), 0);
        while let Some(span) = framing.next(&mut input).expect("a stream of packets") {
            match span {
                Span::InPlace(size) => {
                    assert_ne!(input[0] >> 4, PacketType::Disconnect.as_u8());
                    input = &input[size..];
                }
                Span::Assembled(packet) => {
                    assert_eq!(packet[0] >> 4, PacketType::Publish.as_u8());
                    count += 1;
                }
                Span::Skipped { .. } => unreachable!("there is no limit"),
            }
        }
        count
    }

    fn check<S: Scene>() {
        for size in [1, 2, 10, 100] {
            let mut scene = S::set_up(size);
            for _ in 0..3 {
                assert_eq!(delivered(&mut scene), S::deliveries(size), "{} of {size}", S::NAME);
            }
        }
    }

    #[test]
    fn each_scene_delivers_what_it_is_measured_with() {
        check::<Subscriptions>();
        check::<Connections>();
        check::<FanOut>();
        check::<Replay>();
        check::<Retained>();
    }
}
