//! Unix sockets: what is at the path before, while and after.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "a test")]

mod support;

use std::{
    fs, io,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::PathBuf,
};

use mqtt_engine::{BrokerConfig, Disconnect, QoS};
use mqtt_engine_tokio::{
    Client, Server, ServerConfig,
    transport::unix::{Bound, MODE, Unix},
};
use support::{PATIENCE, config, message, subscribed, until};
use tokio::{sync::oneshot, time::timeout};

/// A folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn clients_connect_and_the_file_goes_with_the_server() {
    let path = folder("serve").join("mqtt.sock");
    let bound = Bound::bind(&path, MODE).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let server = Server::new(BrokerConfig::new(), (), ServerConfig::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        server
            .serve(vec![bound.into()], async {
                let _ = stopped.await;
            })
            .await
    });
    let mut client = Client::connect_with(Unix::new(&path), config("client"));
    subscribed(&mut client, "a", QoS::ExactlyOnce).await;
    client.publish(message("a", "b", QoS::ExactlyOnce)).unwrap();
    until(&mut client, |event| matches!(event, mqtt_engine::ClientEvent::Received { .. })).await;
    assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
    drop(stop);
    assert_eq!(timeout(PATIENCE, serving).await.unwrap().unwrap().dropped, 0);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_is_taken_over_only_if_nobody_listens() {
    let path = folder("stale").join("mqtt.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the standard library leaves its file");
    let first = Bound::bind(&path, 0o660).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let error = Bound::bind(&path, MODE).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    std::os::unix::net::UnixStream::connect(&path).expect("the first still listens");
    drop(first);
    assert!(!path.exists());

    // Of many at the same time, one gets it.
    drop(UnixListener::bind(&path).unwrap());
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let path = path.clone();
                async move { Bound::bind(path, MODE).await }
            })
        })
        .collect();
    let mut bound = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(socket) => bound.push(socket),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
        }
    }
    assert_eq!(bound.len(), 1);
    assert!(path.exists());
}

#[tokio::test]
async fn what_is_not_a_socket_is_left_alone() {
    let folder = folder("other");
    let path = folder.join("mqtt.sock");
    fs::write(&path, "precious").unwrap();
    let error = Bound::bind(&path, MODE).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    let stale = folder.join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let link = folder.join("link.sock");
    symlink(&stale, &link).unwrap();
    let error = Bound::bind(&link, MODE).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "a link is not followed");
    assert!(link.exists() && stale.exists());
}

#[tokio::test]
async fn anothers_socket_at_the_path_is_not_removed() {
    let path = folder("replaced").join("mqtt.sock");
    let bound = Bound::bind(&path, MODE).await.unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(bound);
    assert!(path.exists());
}
