//! The broker over streams that the program gives it, and in futures that the program drops.

use mqtt_engine::{BrokerConfig, ClientEvent, QoS};

use super::{
    faults::{Faults, Faulty},
    support::{config, message, numbers, received, subscribed, until, until_connections},
};
use crate::adapter::{Client, Peer, Server, ServerConfig, Stream, listen, pair, run, server, spawn};

#[test]
fn s82_chopped_transports_on_the_brokers_side() {
    run(async {
        let server = server(BrokerConfig::new(), (), ServerConfig::default());
        let connector = {
            let server = server.clone();
            move || {
                let server = server.clone();
                async move {
                    let (ours, theirs) = pair().await?;
                    let chopped = Faulty::new(theirs, Faults { chopped: true, ..Faults::default() });
                    drop(spawn(async move { server.serve_stream(chopped, Peer::default()).await.unwrap() }));
                    Ok(ours)
                }
            }
        };
        let mut client: Client<Stream> = Client::connect_with(connector, config("client"));
        subscribed(&mut client, "a", QoS::ExactlyOnce).await;
        for number in 0..20 {
            client.publish(message("a", number.to_string(), QoS::ExactlyOnce)).unwrap();
        }
        assert_eq!(received(&mut client, 20).await, numbers(20));
        drop(client);
        until_connections(&server, 0).await;
    });
}

/// Who drops `serve` drops its connections.
#[test]
fn s83_dropping_the_server_ends_its_connections() {
    run(async {
        let (listener, address) = listen().await;
        let server: Server = server(BrokerConfig::new(), (), ServerConfig::default());
        let mut client = Client::new(address, config("client"));
        {
            let mut serving = core::pin::pin!(server.serve(vec![listener.into()], core::future::pending()));
            let mut connected =
                core::pin::pin!(until(&mut client, |event| matches!(event, ClientEvent::Connected(_))));
            core::future::poll_fn(|cx| {
                assert!(serving.as_mut().poll(cx).is_pending());
                connected.as_mut().poll(cx)
            })
            .await;
            assert_eq!(server.statistics().connections, 1);
        }
        let events = until(&mut client, |event| matches!(event, ClientEvent::Disconnected { .. })).await;
        assert!(!events.is_empty());
        until_connections(&server, 0).await;
    });
}
