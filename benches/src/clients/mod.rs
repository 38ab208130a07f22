//! Clients that publish to a broker that throws everything away: client and broker on a core each.

mod by_hand;
mod contender;
mod meter;
mod native;
mod ours;
mod rumqttc;

use std::{
    collections::BTreeSet, error::Error, fmt::Write, net::SocketAddr, num::NonZeroUsize, time::Duration,
};

use mqtt_engine::packet::ProtocolVersion;

use self::{
    contender::{Contender, spoken},
    meter::{Counts, Meter},
};
use crate::{
    broker::{Broker, runs},
    measure::Spread,
    report::{self, Grid, NONE, Section, readable},
};

const TOPIC: &str = "sensors/room1/temp";
const PAYLOAD: [u8; 64] = [b'x'; 64];
/// How many messages may be without an acknowledgement.
const WINDOW: usize = 100;

/// How long is measured at a time.
const SPAN: Duration = Duration::from_secs(2);

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];

/// Lets each client publish, in turn, and each time to a fresh broker.
pub(crate) fn section(rounds: NonZeroUsize) -> Result<Section, Box<dyn Error>> {
    let contenders = Contender::installed()?;
    let mut grid = Grid::new("client's processor time, µs a message (messages a second)");
    let mut libraries = BTreeSet::new();
    let mut reasons = String::new();
    for version in VERSIONS {
        eprintln!("clients: {}", spoken(version));
        for (contender, outcome) in contenders.iter().zip(all(&contenders, version, rounds)?) {
            let text = match outcome {
                Ok(counts) => {
                    libraries.extend(counts.iter().map(|counts| counts.library.clone()));
                    cell(&counts)
                }
                Err(reason) => {
                    let _ = writeln!(reasons, "{NONE} {}, {}: {reason}.\n", contender.name, spoken(version));
                    NONE.to_owned()
                }
            };
            grid.set(contender.name, spoken(version), text);
        }
    }
    // What has no name there is among the facts.
    let named = libraries.iter().filter(|library| !library.is_empty());
    let others: String = named.map(|library| format!(" {library}.")).collect();
    let text = format!(
        "{}\n{reasons}{}. {}{others}\n",
        grid.markdown(),
        runs::told(rounds, &format!("{} seconds", SPAN.as_secs())),
        report::facts(&["tokio", "async-io", "rumqttc"])
    );
    Ok(Section { group: "clients", text, charts: Vec::new() })
}

/// What came of the runs of a client, or why one of them failed.
type Outcome = Result<Vec<Counts>, String>;

/// Lets all publish in turn.
///
/// # Errors
///
/// One that is no peer has failed.
fn all(
    contenders: &[Contender],
    version: ProtocolVersion,
    rounds: NonZeroUsize,
) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let mut outcomes: Vec<Outcome> = contenders.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..rounds.get() {
        for (contender, outcome) in contenders.iter().zip(&mut outcomes) {
            let Ok(all) = outcome else { continue };
            match run(contender, version) {
                Ok(counts) => all.push(counts),
                Err(reason) => {
                    let told = format!("{}, {}: {reason}", contender.name, spoken(version));
                    if !contender.is_peer {
                        return Err(told.into());
                    }
                    eprintln!("{told}");
                    // In a table it is one line.
                    *outcome = Err(reason.to_string().lines().collect::<Vec<_>>().join(" "));
                }
            }
        }
    }
    Ok(outcomes)
}

fn cell(counts: &[Counts]) -> String {
    let cost = runs::shown(counts.iter().map(Counts::cost).collect(), runs::microseconds);
    let rate = Spread::of(counts.iter().map(Counts::rate).collect()).median;
    format!("{cost} ({})", readable(rate))
}

/// One run, after which the broker must have got what the client knows to be acknowledged.
fn run(contender: &Contender, version: ProtocolVersion) -> Result<Counts, Box<dyn Error>> {
    let broker = Broker::ByHand.start()?;
    let counts = contender.run(broker.address, version, SPAN)?;
    let published: u64 = broker.last_words()?.trim().parse()?;
    if published != counts.total {
        return Err(format!("{} acknowledged, but {published} published", counts.total).into());
    }
    Ok(counts)
}

/// What a client in Rust does in a process of its own; gives the line that it says at the end.
pub(crate) fn publish(
    name: &str,
    address: SocketAddr,
    version: &str,
    seconds: f64,
) -> Result<String, Box<dyn Error>> {
    let known = VERSIONS.into_iter().find(|known| spoken(*known) == version);
    let version = known.ok_or_else(|| format!("no version is named {version:?}"))?;
    let counts = contender::publish(name, address, version, Duration::try_from_secs_f64(seconds)?)?;
    Ok(counts.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::tests::Serving;

    #[test]
    fn what_each_client_knows_to_be_acknowledged_was_published() {
        for contender in Contender::installed().expect("all compile") {
            for version in VERSIONS {
                let serving = Serving::start();
                let counts = contender::tests::run(&contender, serving.address, version);
                let name = contender.name;
                assert_eq!(serving.end(), counts.total, "{name}, {version:?}");
                assert!(counts.measured > 0 && counts.measured < counts.total, "{name}: {counts:?}");
                assert!(counts.cost() > 0.0 && counts.rate() > 0.0, "{name}: {counts:?}");
            }
        }
    }
}
