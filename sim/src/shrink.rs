//! Makes a schedule that fails smaller, for as long as it fails.

/// How many runs it may take.
const RUNS: usize = 4000;

/// Removes steps while what is left still fails. `fails` runs a schedule.
///
/// Chunks of steps are left out, large ones first, each size until none of it can be left out any more. What is left is
/// a schedule of which no single step can be spared, unless the runs were used up.
pub(crate) fn shrink<S: Clone>(steps: &[S], mut fails: impl FnMut(&[S]) -> bool) -> Vec<S> {
    let mut kept = steps.to_vec();
    let mut size = kept.len().div_ceil(2);
    let mut runs = 0;
    while size > 0 {
        let before = kept.len();
        let mut start = 0;
        while start < kept.len() && runs < RUNS {
            let end = (start + size).min(kept.len());
            let rest: Vec<S> = kept[..start].iter().chain(&kept[end..]).cloned().collect();
            runs += 1;
            if fails(&rest) {
                kept = rest;
            } else {
                start = end;
            }
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if kept.len() == before || runs >= RUNS {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_it_takes() {
        let steps: Vec<u32> = (0..200).collect();
        let fails = |steps: &[u32]| [17, 18, 150].iter().all(|needed| steps.contains(needed));
        assert_eq!(shrink(&steps, fails), [17, 18, 150]);
        assert_eq!(shrink(&steps, |_| true), [0_u32; 0]);
        // Steps that only together can be left out.
        let pairs = |steps: &[u32]| steps.contains(&5) && steps.contains(&8) == steps.contains(&9);
        assert_eq!(shrink(&steps, pairs), [5]);
    }
}
