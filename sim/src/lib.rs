//! Breaks the networks of clients and brokers, and watches whether they keep their promises.

mod random;
mod trace;
pub mod turmoil;
mod violation;

pub use self::{
    random::Random,
    trace::Trace,
    violation::{Checked, Violation},
};
