//! Unix sockets: what is at the path before, while and after.

use std::{
    fs, io,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::PathBuf,
};

use mqtt_engine::{BrokerConfig, Disconnect, QoS};

use super::support::{PATIENCE, World, config, message, received, subscribed};
use crate::adapter::{
    Client, ServerConfig, run, server, spawn,
    unix::{Bound, MODE, Unix},
};

/// A folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn clients_connect_and_the_file_goes_with_the_server() {
    let path = folder("serve").join("mqtt.sock");
    run(async {
        let bound = Bound::bind(&path, MODE).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let server = server(BrokerConfig::new(), (), ServerConfig::default());
        let world = World::on(bound, String::new(), server);
        let mut client = Client::connect_with(Unix::new(&path), config("client"));
        subscribed(&mut client, "a", QoS::ExactlyOnce).await;
        client.publish(message("a", "b", QoS::ExactlyOnce)).unwrap();
        assert_eq!(received(&mut client, 1).await, ["b"]);
        assert!(client.shut_down(Disconnect::default(), PATIENCE).await.is_nothing());
        assert_eq!(world.stop().await.dropped, 0);
        assert!(!path.exists());
    });
}

#[test]
fn a_socket_is_taken_over_only_if_nobody_listens() {
    run(async {
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
                spawn({
                    let path = path.clone();
                    async move { Bound::bind(path, MODE).await }
                })
            })
            .collect();
        let mut bound = Vec::new();
        for attempt in attempts {
            match attempt.await {
                Ok(socket) => bound.push(socket),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
            }
        }
        assert_eq!(bound.len(), 1);
        assert!(path.exists());
    });
}

#[test]
fn what_is_not_a_socket_is_left_alone() {
    run(async {
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
    });
}

#[test]
fn anothers_socket_at_the_path_is_not_removed() {
    run(async {
        let path = folder("replaced").join("mqtt.sock");
        let bound = Bound::bind(&path, MODE).await.unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(bound);
        assert!(path.exists());
    });
}
