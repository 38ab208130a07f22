//! Servers that refuse, and 5.0 servers that set limits.

use std::net::TcpListener;

use mqtt_engine::{
    QoS,
    packet::{Property, ProtocolVersion, ReasonCode},
};

use crate::{
    bench,
    fake::{Behaviour, Fake},
};

fn limited(limit: Property<'static>) -> Behaviour {
    Behaviour { properties: vec![limit], ..Behaviour::default() }
}

#[test]
fn a_refused_connection_is_told_in_the_servers_words() {
    let server =
        Fake::start(Behaviour { reason: ReasonCode::Banned, ..limited(Property::ReasonString("go away")) });
    let refused = bench(&server.port, &["--messages", "10"]);
    refused.expect_failure(&["the server refused the connection: banned (0x8a), it says \"go away\""]);
    assert_eq!(refused.code, 0x8A);

    let old = Behaviour {
        version: ProtocolVersion::V3_1_1,
        reason: ReasonCode::NotAuthorized,
        ..Behaviour::default()
    };
    let refused = bench(&Fake::start(old).port, &["-V", "311"]);
    refused.expect_failure(&["the server refused the connection: not authorized (0x87)"]);
    assert_eq!(refused.code, 5);
}

#[test]
fn a_refused_subscription_is_told() {
    let server = Fake::start(Behaviour { granted: ReasonCode::NotAuthorized, ..Behaviour::default() });
    bench(&server.port, &[])
        .expect_failure(&["subscriber 0", "refused a subscription: not authorized (0x87)"]);
    let server = Fake::start(Behaviour { granted: ReasonCode::GrantedQoS1, ..Behaviour::default() });
    bench(&server.port, &["-q", "2"]).expect_failure(&["the server grants QoS 1 at most, not 2"]);
}

#[test]
fn a_refused_message_is_told() {
    let server = Fake::start(Behaviour { accepted: ReasonCode::QuotaExceeded, ..Behaviour::default() });
    bench(&server.port, &["-q", "1"])
        .expect_failure(&["publisher 0", "refused a message: quota exceeded (0x97)"]);
}

#[test]
fn the_servers_good_bye_is_told() {
    let server = Fake::start(Behaviour { goodbye: Some(20), ..Behaviour::default() });
    bench(&server.port, &["--messages", "1000", "--window", "5"])
        .expect_failure(&["publisher 0: the server ended the connection: server shutting down (0x8b)"]);
}

#[test]
fn receive_maximum_caps_the_window() {
    // It acknowledges when three have come, and so often none is left over.
    let server = Fake::start(Behaviour { hold: 3, ..limited(Property::ReceiveMaximum(3)) });
    let bench = bench(&server.port, &["-q", "1", "--messages", "30"]);
    bench.expect_all(30, 30);
    assert_eq!((bench.count("window"), server.most_held()), (3, 3));
}

#[test]
fn what_the_server_does_not_take_is_refused() {
    let server = Fake::start(limited(Property::MaximumQoS(QoS::AtLeastOnce)));
    bench(&server.port, &["-q", "2"]).expect_failure(&["the server takes QoS 1 at most", "-q"]);
    let server = Fake::start(limited(Property::MaximumPacketSize(50)));
    bench(&server.port, &["--payload", "64"])
        .expect_failure(&["the server takes packets of 50 bytes at most, a message has 76", "--payload"]);
}

#[test]
fn the_servers_keep_alive_is_kept() {
    let server = Fake::start(limited(Property::ServerKeepAlive(1)));
    let arguments = ["--idle", "3", "--rate", "20", "--messages", "40"];
    let bench = bench(&server.port, &arguments);
    bench.expect_all(40, 40);
    // Five connections, each half a second, for two seconds.
    assert!(server.pings() >= 15, "{} pings", server.pings());
}

#[test]
fn nonsense_is_told() {
    for nonsense in [&[b'H'; 100][..], &[0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], &[0x20, 3, 9, 9, 9]] {
        let server = Fake::start(Behaviour { nonsense: Some(nonsense), ..Behaviour::default() });
        bench(&server.port, &[]).expect_failure(&["the server sent"]);
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    bench(&port, &[]).expect_failure(&["does not answer CONNECT"]);
}
