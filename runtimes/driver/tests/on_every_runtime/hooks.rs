//! What the embedding program decides and sees.

use core::time::Duration;
use std::{
    io::{self, Read},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use mqtt_engine::{
    Answer, BrokerConfig, BrokerEvent, ClientEvent, ConnectionId, Disconnect, DisconnectReason,
    PublishOutcome, QoS, Question, Text, packet::ReasonCode,
};

use super::support::{
    CONNECT_5, PATIENCE, World, config, message, once, received, sleep, subscribed, timeout, until,
    until_equal,
};
use crate::adapter::{self, Decision, Hooks, Listener, Peer, Server, ServerConfig, listen, run};

/// A program whose answer panics refuses: nobody waits for it for ever.
#[test]
fn an_answer_that_panics_is_a_refusal() {
    struct Broken;
    impl Hooks for Broken {
        fn decide(&self, _: ConnectionId, _: &Peer, _: Question) -> Decision {
            Decision::later(async { panic!("as this test wants it") })
        }
    }
    let mut asks = BrokerConfig::new();
    asks.ask_authentication = true;
    run(async {
        let world = World::with(asks, Broken, ServerConfig::default()).await;
        let mut client = world.client(config("client"));
        let event = timeout(PATIENCE, client.next_event()).await.expect("an answer");
        let Some(ClientEvent::Disconnected { reason: DisconnectReason::Refused(words), .. }) = event else {
            panic!("{event:?}")
        };
        assert_eq!(words.reason, ReasonCode::UnspecifiedError);
    });
}

/// While a question is open the connection's further packets wait, wherever they were cut; none is lost.
#[test]
fn packets_behind_a_question_wait_and_are_not_lost() {
    struct Slow;
    impl Hooks for Slow {
        fn decide(&self, _: ConnectionId, _: &Peer, _: Question) -> Decision {
            Decision::later(async {
                sleep(Duration::from_millis(1)).await;
                Answer::Allow
            })
        }
    }
    let mut asks = BrokerConfig::new();
    asks.ask_publish = true;
    run(async {
        let world = World::with(asks, Slow, ServerConfig::default()).await;
        let mut client = world.client(config("client"));
        for number in 0..200 {
            // Some reads are copied, some are shared.
            client.publish(message("a", vec![7; number * 20], QoS::AtLeastOnce)).unwrap();
        }
        assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
        assert_eq!(world.server.statistics().received, 200);
    });
}

#[test]
fn connections_above_the_limit_are_closed_and_reported() {
    #[derive(Clone, Default)]
    struct Watch(Arc<Mutex<Vec<io::ErrorKind>>>);
    impl Hooks for Watch {
        fn accept_failed(&self, error: &io::Error) {
            self.0.lock().unwrap().push(error.kind());
        }
    }
    let mut limits = BrokerConfig::new();
    limits.connection_count = 2;
    let watch = Watch::default();
    run(async {
        let world = World::with(limits, watch.clone(), ServerConfig::default()).await;
        let first = world.raw(CONNECT_5);
        let _second = world.raw(CONNECT_5);
        let mut third = TcpStream::connect(&*world.address).unwrap();
        third.set_read_timeout(Some(PATIENCE)).unwrap();
        let end = third.read(&mut [0; 1]);
        let is_closed = match &end {
            Ok(count) => *count == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        };
        assert!(is_closed, "{end:?}");
        until_equal(|| watch.0.lock().unwrap().clone(), vec![io::ErrorKind::QuotaExceeded]).await;
        drop(first);
        world.until_connections(1).await;
        let _fourth = world.raw(CONNECT_5);
    });
}

/// Answers later, and publishes from inside a hook.
#[derive(Clone, Default)]
struct Gate {
    server: Arc<Mutex<Option<Server>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Hooks for Gate {
    fn decide(&self, _: ConnectionId, _: &Peer, question: Question) -> Decision {
        match question {
            Question::Authenticate { user_name, password, .. } => Decision::later(async move {
                sleep(Duration::from_millis(20)).await;
                if user_name == Some(Text::try_from("ann").unwrap()) && password.as_deref() == Some(b"secret")
                {
                    Answer::Allow
                } else {
                    Answer::Refuse(ReasonCode::BadUserNameOrPassword)
                }
            }),
            Question::Publish { topic, .. } if topic == "forbidden" => {
                Decision::Now(Answer::Refuse(ReasonCode::NotAuthorized))
            }
            _ => Decision::Now(Answer::Allow),
        }
    }

    fn event(&self, _: Option<&Peer>, event: &BrokerEvent) {
        let word = match event {
            BrokerEvent::Connected { client_id, .. } => {
                if let Some(server) = &*self.server.lock().unwrap() {
                    server.publish(message("welcome", client_id.as_str().to_owned(), QoS::AtMostOnce));
                }
                format!("+{client_id}")
            }
            BrokerEvent::Disconnected { client_id: Some(client_id), .. } => format!("-{client_id}"),
            _ => return,
        };
        self.log.lock().unwrap().push(word);
    }
}

#[test]
fn hooks_may_answer_later_and_use_the_server() {
    let gate = Gate::default();
    let mut asks = BrokerConfig::new();
    asks.ask_authentication = true;
    asks.ask_publish = true;
    run(async {
        let world = World::with(asks, gate.clone(), ServerConfig::default()).await;
        *gate.server.lock().unwrap() = Some(world.server.clone());

        let mut ann = config("ann");
        ann.user_name = Some(Text::try_from("ann").unwrap());
        ann.password = Some("secret".into());
        let mut client = world.client(ann.clone());
        subscribed(&mut client, "welcome", QoS::AtMostOnce).await;
        client.publish(message("forbidden", "x", QoS::AtLeastOnce)).unwrap();
        let events = until(&mut client, |event| matches!(event, ClientEvent::Published { .. })).await;
        let Some(ClientEvent::Published { outcome, .. }) = events.last() else { unreachable!() };
        assert_eq!(*outcome, PublishOutcome::Refused { reason: ReasonCode::NotAuthorized });

        let mut bob = ann.clone();
        bob.client_id = Text::try_from("bob").unwrap();
        let mut guessing = bob.clone();
        guessing.password = Some("guessed".into());
        guessing.reconnect = once("bob").reconnect;
        let mut refused = world.client(guessing);
        let events = until(&mut refused, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
        let Some(ClientEvent::Disconnected { reason: DisconnectReason::Refused(words) }) = events.last()
        else {
            panic!("{events:?}")
        };
        assert_eq!(words.reason, ReasonCode::BadUserNameOrPassword);

        let mut bob = world.client(bob);
        until(&mut bob, |event| matches!(event, ClientEvent::Connected(_))).await;
        assert_eq!(received(&mut client, 1).await, ["bob"]);
        bob.shut_down(Disconnect::default(), PATIENCE).await;
        client.shut_down(Disconnect::default(), PATIENCE).await;
        world.until_connections(0).await;
        let log = || gate.log.lock().unwrap().clone();
        until_equal(log, ["+ann", "+bob", "-bob", "-ann"].map(Into::into).to_vec()).await;
    });
}

/// The hooks are told where a connection came in, and from where.
#[test]
fn hooks_see_the_peer() {
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<(usize, bool)>>>);
    impl Hooks for Seen {
        fn event(&self, peer: Option<&Peer>, event: &BrokerEvent) {
            if let (Some(peer), BrokerEvent::Connected { .. }) = (peer, event) {
                let is_local = peer.address.is_some_and(|address| address.ip().is_loopback());
                self.0.lock().unwrap().push((peer.listener, is_local));
            }
        }
    }
    let seen = Seen::default();
    run(async {
        let (listener, address) = listen().await;
        let server = adapter::server(BrokerConfig::new(), seen.clone(), ServerConfig::default());
        let world = World::on(Listener::with_tag(listener, 7), address, server);
        world.raw(CONNECT_5);
        until_equal(|| seen.0.lock().unwrap().clone(), vec![(7, true)]).await;
    });
}
