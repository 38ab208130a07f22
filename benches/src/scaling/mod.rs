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
        cases.push(case.with_units(units).counted_over(1 + 100 / units as usize).compared_by_column());
    }
}

/// Measures them all.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let cases = cases();
    let measured = measure::run(&cases, rounds)?;
    let mut text = report::side_by_side(&cases, &measured);
    if let Some(counted) = counted(&cases, &measured) {
        let growths: Vec<Growth> =
            counted.iter().flat_map(|(scene, costs)| Growth::of(scene, costs)).collect();
        text += &table(&growths);
        if let Some(growth) = growths.iter().find(|growth| !growth.is_logarithmic()) {
            return Err(format!("{text}\nfaster than the logarithm: {growth:?}").into());
        }
    }
    text += &report::facts(&["bytes"]);
    Ok(Section { group: "scaling", text, charts: Vec::new() })
}

/// Size and instructions.
type Cost = (u32, f64);

/// What each scene costs, by size; `None` without valgrind.
fn counted<'a>(cases: &'a [Case], measured: &[Measured]) -> Option<Vec<(&'a str, Vec<Cost>)>> {
    let mut scenes: Vec<(&str, Vec<Cost>)> = Vec::new();
    for (case, measured) in cases.iter().zip(measured) {
        let cost = (size_of(case), measured.counts?.instructions);
        match scenes.iter_mut().find(|(scene, _)| *scene == case.contender) {
            Some((_, costs)) => costs.push(cost),
            None => scenes.push((case.contender, vec![cost])),
        }
    }
    Some(scenes)
}

/// From one size of a scene to the next.
#[derive(Debug)]
struct Growth<'a> {
    scene: &'a str,
    from: u32,
    to: u32,
    factor: f64,
}

impl<'a> Growth<'a> {
    /// From each size to the next: what is linear hides behind a fixed cost at small sizes, and shows between large ones.
    fn of(scene: &'a str, costs: &[Cost]) -> Vec<Self> {
        let neighbours = costs.windows(2).filter_map(|pair| match *pair {
            [(from, less), (to, more)] => Some(Self { scene, from, to, factor: more / less }),
            _ => None,
        });
        neighbours.collect()
    }

    /// The factor by which `1 + log2 N` grows.
    fn allowed(&self) -> f64 {
        let [from, to] = [self.from, self.to].map(|size| 1.0 + f64::from(size).log2());
        to / from
    }

    fn row(&self) -> String {
        let [from, to] = [self.from, self.to].map(|size| grouped(&size.to_string()));
        format!("from {from} to {to}")
    }

    fn is_logarithmic(&self) -> bool {
        self.factor <= self.allowed()
    }
}

fn table(growths: &[Growth<'_>]) -> String {
    let mut grid = Grid::new("instructions grow by the factor");
    for growth in growths {
        grid.set(&growth.row(), growth.scene, format!("{:.2}", growth.factor));
    }
    for growth in growths {
        grid.set(&growth.row(), "1 + log2 N", format!("{:.2}", growth.allowed()));
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
    fn what_grows_with_the_size_does_not_pass_for_a_logarithm() {
        let sizes = [1, 10, 100, 1000, 10_000];
        let passes = |cost: fn(f64) -> f64| {
            let costs: Vec<Cost> = sizes.iter().map(|size| (*size, cost(f64::from(*size)))).collect();
            Growth::of("test", &costs).iter().all(Growth::is_logarithmic)
        };
        assert!(passes(|_| 5000.0));
        assert!(passes(|size| 5000.0 + 100.0 * size.log2()));
        // A search of all connections, a few instructions for each.
        assert!(!passes(|size| 5000.0 + size));
        // A list of all, beside a fixed cost that N deliveries share.
        assert!(!passes(|size| 10_000.0 / size + 1000.0 + size));
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
