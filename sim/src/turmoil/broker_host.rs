//! The broker's host: the real server on the simulated network, and two clients beside it that see what it does.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ::turmoil::net::TcpListener;
use mqtt_engine::{
    Answer, BrokerEvent, ClientConfig, ClientEvent, ConnectionId, QoS, Question, Subscribe, Subscription,
    Text, TopicFilter, packet::ReasonCode,
};
use mqtt_engine_tokio::{Client, Connecting, Decision, Hooks, Peer, Server, ServerConfig};
use tokio::{
    io::{DuplexStream, duplex},
    sync::oneshot,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};

use super::{
    PORT,
    chopped::Chopped,
    oracle::{Phase, WATCHER, Witness},
    setup::Setup,
    tap::Tap,
};
use crate::{coverage::Row, names::number, random::Random};

/// How often the host looks at what is wanted of it.
const PACE: Duration = Duration::from_millis(50);
/// All topics: what wildcards at the beginning don't match is named.
const EVERYTHING: [&str; 4] = ["#", "$s/#", "$t/#", "$a/#"];

/// Runs one broker after the other until the host ends.
pub(super) async fn serve(setup: Setup, witness: Witness) -> ::turmoil::Result {
    loop {
        run_one(&setup, &witness).await?;
    }
}

/// Runs a broker until it is told to stop.
async fn run_one(setup: &Setup, witness: &Witness) -> ::turmoil::Result {
    let life = witness.oracle().broker_started();
    let mut random = Random::new(setup.seed ^ u64::from(life) << 24);
    let hooks = Ears {
        witness: witness.clone(),
        life,
        start: Instant::now(),
        random: Mutex::new(Random::new(random.next_u64())),
    };
    let start = hooks.start;
    let server = Server::new(setup.broker.config(), hooks, ServerConfig::default());
    let mut tasks = JoinSet::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let clock = server.clone();
    tasks.spawn_local(async move {
        // No listener: it minds the broker's clock.
        clock.serve(Vec::new(), async { drop(stopped.await) }).await;
    });
    let (is_watching, watches) = oneshot::channel();
    tasks.spawn_local(watch(server.clone(), witness.clone(), life, is_watching));
    watches.await?;
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let mut looks = interval(PACE);
    loop {
        tokio::select! {
            biased;
            Some(ended) = tasks.join_next() => ended?,
            accepted = listener.accept() => {
                let (stream, address) = accepted?;
                let stream = if setup.broker.is_chopped {
                    witness.oracle().count(Row::Chopped);
                    Chopped::new(stream, Random::new(random.next_u64()))
                } else {
                    Chopped::whole(stream)
                };
                let stream = Tap::of_server(stream, witness.clone());
                let server = server.clone();
                tasks.spawn_local(async move {
                    // At capacity: the peer is closed.
                    let _ = server.serve_stream(stream, Peer::of(0).with_address(address)).await;
                });
            }
            _ = looks.tick() => {
                let phase = {
                    let mut oracle = witness.oracle();
                    oracle.let_wills_pass(start.elapsed());
                    if std::mem::take(&mut oracle.restart) {
                        oracle.broker_ends();
                        break;
                    }
                    oracle.phase
                };
                if phase == Phase::Audit {
                    let found = audit(&server).await;
                    witness.judge(|oracle| oracle.audited(&found));
                }
            }
        }
    }
    drop(listener);
    drop(stop);
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}

/// Tells the oracle what the broker tells its program.
struct Ears {
    witness: Witness,
    life: u32,
    start: Instant,
    random: Mutex<Random>,
}

impl Hooks for Ears {
    fn decide(&self, _: ConnectionId, _: &Peer, question: Question) -> Decision {
        match question {
            Question::Subscribe { client_id, filter, qos, .. } => {
                self.witness.oracle().subscribed(self.life, client_id.as_str(), filter.as_str(), qos);
                Decision::Now(Answer::Allow)
            }
            Question::Publish { topic, .. } if topic.as_str().starts_with("no/") => {
                self.witness.oracle().count(Row::PublishForbidden);
                Decision::Now(Answer::Refuse(ReasonCode::NotAuthorized))
            }
            Question::Publish { .. } => {
                let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
                if !random.one_in(6) {
                    return Decision::Now(Answer::Allow);
                }
                let late = Duration::from_millis(random.below(60) as u64);
                self.witness.oracle().count(Row::AnsweredLater);
                Decision::later(async move {
                    sleep(late).await;
                    Answer::Allow
                })
            }
            _ => Decision::Now(Answer::Allow),
        }
    }

    fn event(&self, _: Option<&Peer>, event: &BrokerEvent) {
        // After the end of this life the clock may be gone as well.
        if self.witness.oracle().is_alive(self.life) {
            let now = self.start.elapsed();
            self.witness.judge(|oracle| oracle.told(self.life, event, now));
        }
    }
}

/// A client on the broker's own host, that no fault reaches.
fn neighbour(server: &Server, name: &str, qos: QoS) -> Client<DuplexStream> {
    let mut config = ClientConfig::new(Text::try_from(name).expect("a name"));
    config.keep_alive = 0;
    let server = server.clone();
    let client = Client::connect_with(
        move || -> Connecting<DuplexStream> {
            let (near, far) = duplex(1 << 20);
            let server = server.clone();
            tokio::task::spawn_local(async move { server.serve_stream(far, Peer::of(1)).await });
            Box::pin(async move { Ok(near) })
        },
        config,
    );
    let filters = EVERYTHING.map(|filter| {
        let mut filter = Subscription::new(TopicFilter::try_from(filter).expect("a filter"), qos);
        filter.retain_as_published = true;
        filter
    });
    client.subscribe(Subscribe::all(filters)).expect("a request that fits");
    client
}

/// Tells the oracle each message that the broker accepts.
async fn watch(server: Server, witness: Witness, life: u32, is_watching: oneshot::Sender<()>) {
    let mut watcher = neighbour(&server, WATCHER, QoS::AtMostOnce);
    let mut is_watching = Some(is_watching);
    while let Some(event) = watcher.next_event().await {
        match event {
            ClientEvent::Received { message, .. } => witness.judge(|oracle| oracle.accepted(life, &message)),
            ClientEvent::Subscribed { .. } => drop(is_watching.take().map(|tell| tell.send(()))),
            ClientEvent::Disconnected { .. } => return,
            _ => {}
        }
    }
}

/// What a new subscriber gets of everything.
async fn audit(server: &Server) -> BTreeMap<String, u64> {
    let mut auditor = neighbour(server, "auditor", QoS::ExactlyOnce);
    let mut found = BTreeMap::new();
    while let Ok(Some(event)) = timeout(Duration::from_millis(100), auditor.next_event()).await {
        if let ClientEvent::Received { message, .. } = event
            && message.retain
        {
            found.insert(message.topic.as_str().to_owned(), number(&message.payload).unwrap_or_default());
        }
    }
    found
}
