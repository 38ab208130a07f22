//! MQTT in WebSocket frames, with frames made by hand.
#![allow(clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "a test")]

mod support;

use core::time::Duration;

use mqtt_engine::{BrokerConfig, ClientEvent, Disconnect, QoS};
use mqtt_engine_tokio::{
    Client, Peer, Server,
    transport::websocket::{Config, WebSocket, WebSocketStream},
};
use support::{PATIENCE, World, config, message, subscribed, until};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{sleep, timeout},
};

const CONNECT_5: &[u8] = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00";
const SUBSCRIBE: &[u8] = b"\x82\x09\x00\x01\x00\x00\x03a/b\x01";
const PUBLISH: &[u8] = b"\x32\x0d\x00\x03a/b\x00\x02\x00hello";
const PING: &[u8] = b"\xc0\x00";
/// The broker sends this last of all.
const PONG: &[u8] = b"\xd0\x00";

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTINUE: u8 = 0x0;
const PING_FRAME: u8 = 0x9;
const PONG_FRAME: u8 = 0xA;
const CLOSE: u8 = 0x8;

/// A frame of a client: masked.
fn frame(last: bool, kind: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5A, 0x00, 0xFF, 0x13];
    let mut frame = vec![u8::from(last) << 7 | kind];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(true, BINARY, payload)
}

/// The next frame of the server: unmasked.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    timeout(PATIENCE, stream.read_exact(&mut head)).await.expect("a frame").unwrap();
    assert_eq!(head[0] & 0x80, 0x80, "the server does not fragment");
    let length = match head[1] {
        126 => usize::from(stream.read_u16().await.unwrap()),
        127 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    (head[0] & 0x0F, payload)
}

/// What the server sends in binary frames, until it ends with PINGRESP.
async fn until_pong(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(PONG) {
        let (kind, payload) = next_frame(stream).await;
        assert_eq!(kind, BINARY);
        bytes.extend(payload);
    }
    bytes
}

fn request(more: &str) -> String {
    format!(
        "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// Our end of a pipe, of which the other end is served as a WebSocket.
fn served(server: &Server, config: Config) -> DuplexStream {
    let (ours, theirs) = duplex(1 << 16);
    let server = server.clone();
    tokio::spawn(async move {
        if let Ok(stream) = WebSocketStream::accept(theirs, &config).await {
            server.serve_stream(stream, Peer::default()).await.unwrap();
        }
    });
    ours
}

/// The answer to a request, without its body.
async fn answer(stream: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("an answer").unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The same after the handshake.
async fn open(server: &Server) -> DuplexStream {
    let mut stream = served(server, Config::default());
    stream.write_all(request("Sec-WebSocket-Protocol: mqtt\r\n").as_bytes()).await.unwrap();
    let head = answer(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the key's answer of RFC 6455: {head}");
    stream
}

/// Everything up to the end.
async fn to_end(stream: &mut DuplexStream) -> Vec<u8> {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    rest
}

/// A conversation, and what the broker answers.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let question = [CONNECT_5, SUBSCRIBE, PUBLISH, PING].concat();
    // CONNACK is the broker's choice; SUBACK, PUBACK and PUBLISH in any order are looked for one by one.
    let publish = b"\x32\x0d\x00\x03a/b\x00\x01\x00hello".to_vec();
    (question, publish)
}

fn check(answers: &[u8], case: &str) {
    let (_, publish) = conversation();
    for (what, expected) in [
        ("CONNACK", &b"\x20"[..]),
        ("SUBACK", b"\x90\x04\x00\x01\x00\x01"),
        ("PUBACK", b"\x40\x02\x00\x02"),
        ("PUBLISH", &publish),
        ("PINGRESP", PONG),
    ] {
        assert!(
            answers.windows(expected.len()).any(|window| window == expected),
            "{case}: no {what} in {answers:02x?}"
        );
    }
}

/// [MQTT-6.0.0-2] (both versions), CVE-2026-25627: the conversation in two frames, cut at every offset, so that the length of a packet
/// is larger than the rest of its frame.
#[tokio::test]
async fn mqtt_6_0_0_2_frames_cut_at_every_offset() {
    let world = World::new();
    let (question, _) = conversation();
    for cut in 0..=question.len() {
        let mut stream = open(&world.server).await;
        let (first, second) = question.split_at(cut);
        stream.write_all(&binary(first)).await.unwrap();
        // The broker has seen the first part before the second comes.
        tokio::task::yield_now().await;
        sleep(Duration::from_millis(1)).await;
        stream.write_all(&binary(second)).await.unwrap();
        check(&until_pong(&mut stream).await, &format!("cut at {cut}"));
    }
}

/// The bytes of the frames themselves come in two parts, cut at every offset.
#[tokio::test]
async fn mqtt_6_0_0_2_the_transport_cuts_frames_at_every_offset() {
    let world = World::new();
    let frames = [binary(CONNECT_5), binary(SUBSCRIBE), binary(PUBLISH), binary(PING)].concat();
    for cut in 0..=frames.len() {
        let mut stream = open(&world.server).await;
        let (first, second) = frames.split_at(cut);
        stream.write_all(first).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        stream.write_all(second).await.unwrap();
        check(&until_pong(&mut stream).await, &format!("cut at {cut}"));
    }
}

/// Frames of one byte and of none, one message in many fragments, pings and pongs between them, and several packets in one frame.
#[tokio::test]
async fn mqtt_6_0_0_2_empty_fragmented_and_interleaved_frames() {
    let world = World::new();
    let (question, _) = conversation();

    let mut stream = open(&world.server).await;
    stream.write_all(&binary(&question)).await.unwrap();
    check(&until_pong(&mut stream).await, "all in one");

    let mut stream = open(&world.server).await;
    for byte in &question {
        stream.write_all(&[binary(&[]), binary(&[*byte]), binary(&[])].concat()).await.unwrap();
    }
    check(&until_pong(&mut stream).await, "byte by byte");

    let mut stream = open(&world.server).await;
    let mut sent = frame(false, BINARY, &[]);
    for (number, byte) in question.iter().enumerate() {
        sent.extend(frame(true, PING_FRAME, &[u8::try_from(number).unwrap()]));
        sent.extend(frame(true, PONG_FRAME, b"unasked"));
        sent.extend(frame(false, CONTINUE, &[*byte]));
        sent.extend(frame(false, CONTINUE, &[]));
    }
    sent.extend(frame(true, CONTINUE, &[]));
    stream.write_all(&sent).await.unwrap();
    let (mut answers, mut pongs) = (Vec::new(), Vec::new());
    while !answers.ends_with(PONG) {
        match next_frame(&mut stream).await {
            (BINARY, payload) => answers.extend(payload),
            (PONG_FRAME, payload) => pongs.extend(payload),
            other => panic!("{other:?}"),
        }
    }
    check(&answers, "one message in fragments");
    // RFC 6455 5.5.3: of several pings, answering the last is enough.
    let last = u8::try_from(question.len() - 1).unwrap();
    assert!(pongs.contains(&last), "the last ping was answered: {pongs:?}");
}

/// [MQTT-6.0.0-1] (both versions).
#[tokio::test]
async fn mqtt_6_0_0_1_a_text_frame_closes_the_connection() {
    let world = World::new();
    for text in [&b"hello"[..], PING, b"", b"\xff\xfe"] {
        let mut stream = open(&world.server).await;
        stream.write_all(&binary(&[CONNECT_5, PING].concat())).await.unwrap();
        until_pong(&mut stream).await;
        stream.write_all(&frame(true, TEXT, text)).await.unwrap();
        let (kind, payload) = next_frame(&mut stream).await;
        assert_eq!((kind, &payload[..2]), (CLOSE, &1003u16.to_be_bytes()[..]), "unsupported data");
        assert_eq!(to_end(&mut stream).await, b"");
    }
    assert_eq!(world.server.statistics().connections, 0);
}

#[tokio::test]
async fn frames_against_the_rules_of_websocket_close_the_connection() {
    let world = World::new();
    let mut unmasked = binary(PING);
    unmasked[1] &= 0x7F;
    let mut reserved_bit = binary(PING);
    reserved_bit[0] |= 0x40;
    let cases = [
        ("unmasked", unmasked, 1002),
        ("a reserved bit", reserved_bit, 1002),
        ("an unknown data frame", frame(true, 0x3, PING), 1002),
        ("an unknown control frame", frame(true, 0xB, b""), 1002),
        ("nothing to continue", frame(true, CONTINUE, PING), 1002),
        ("a message inside a message", [frame(false, BINARY, PING), binary(PING)].concat(), 1002),
        ("a fragmented ping", frame(false, PING_FRAME, b""), 1002),
        ("a ping that is too long", frame(true, PING_FRAME, &[0; 126]), 1002),
        (
            "too long: a length of 2^63 - 1",
            b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(),
            1009,
        ),
        ("too long: just", b"\x82\xff\0\0\0\0\0\x10\0\x01\0\0\0\0".to_vec(), 1009),
    ];
    for (case, bytes, code) in cases {
        let mut stream = open(&world.server).await;
        stream.write_all(&binary(&[CONNECT_5, PING].concat())).await.unwrap();
        until_pong(&mut stream).await;
        stream.write_all(&bytes).await.unwrap();
        let (kind, payload) = next_frame(&mut stream).await;
        assert_eq!((kind, &payload[..2]), (CLOSE, &u16::to_be_bytes(code)[..]), "{case}");
        assert_eq!(to_end(&mut stream).await, b"", "{case}");
    }
}

/// Fragments are gathered up to the limit, not beyond.
#[tokio::test]
async fn endless_fragments_close_the_connection() {
    let world = World::new();
    let mut stream = open(&world.server).await;
    let fragment = frame(false, CONTINUE, &[0; 60_000]);
    stream.write_all(&frame(false, BINARY, b"")).await.unwrap();
    let sent = timeout(PATIENCE, async {
        let mut sent = 0;
        while stream.write_all(&fragment).await.is_ok() {
            sent += 60_000;
        }
        sent
    });
    let sent = sent.await.expect("it does not read for ever");
    assert!((1_000_000..1_300_000).contains(&sent), "{sent} bytes");
}

#[tokio::test]
async fn a_peer_that_closes_is_answered() {
    let world = World::new();
    let mut stream = open(&world.server).await;
    stream.write_all(&binary(&[CONNECT_5, PING].concat())).await.unwrap();
    until_pong(&mut stream).await;
    stream.write_all(&frame(true, CLOSE, &1000u16.to_be_bytes())).await.unwrap();
    assert_eq!(next_frame(&mut stream).await, (CLOSE, 1000u16.to_be_bytes().to_vec()));
    assert_eq!(to_end(&mut stream).await, b"");
}

/// The broker's own end: DISCONNECT in a binary frame, then a close frame.
#[tokio::test]
async fn a_broker_that_closes_says_so_in_frames() {
    let world = World::new();
    let mut stream = open(&world.server).await;
    stream.write_all(&binary(&[CONNECT_5, PING].concat())).await.unwrap();
    until_pong(&mut stream).await;
    let stopping = tokio::spawn(world.stop());
    let (kind, payload) = next_frame(&mut stream).await;
    assert_eq!((kind, &payload[..3]), (BINARY, &b"\xe0\x01\x8b"[..]), "server shutting down");
    assert_eq!(next_frame(&mut stream).await.0, CLOSE);
    stream.write_all(&frame(true, CLOSE, b"")).await.unwrap();
    assert_eq!(to_end(&mut stream).await, b"");
    assert_eq!(stopping.await.unwrap().dropped, 0);
}

/// [MQTT-6.0.0-4] (both versions), and what is not agreed to.
#[tokio::test]
async fn mqtt_6_0_0_4_the_server_insists_on_the_sub_protocol_and_selects_it() {
    let world = World::new();
    let mut config = Config::default();
    config.path = Some(String::from("/mqtt"));
    let good = [
        "Sec-WebSocket-Protocol: mqtt\r\n",
        "Sec-WebSocket-Protocol: other, mqtt\r\n",
        "sec-websocket-protocol: other\r\nsec-websocket-protocol: mqtt\r\n",
    ];
    for offer in good {
        let mut stream = served(&world.server, config.clone());
        stream.write_all(request(offer).as_bytes()).await.unwrap();
        let head = answer(&mut stream).await.to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{offer:?}: {head}");
        assert!(head.contains("\r\nsec-websocket-protocol: mqtt\r\n"), "{offer:?}: {head}");
    }
    let with = request("Sec-WebSocket-Protocol: mqtt\r\n");
    let bad = [
        (request(""), "400"),
        (request("Sec-WebSocket-Protocol: mqttv3.1\r\n"), "400"),
        (request("Sec-WebSocket-Protocol: MQTT\r\n"), "400"),
        (request("Sec-WebSocket-Protocol: xmqtt, mqtt2\r\n"), "400"),
        (with.replace("/mqtt HTTP", "/other HTTP"), "404"),
    ];
    for (request, status) in bad {
        let mut stream = served(&world.server, config.clone());
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = answer(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{head}");
        let body = String::from_utf8(to_end(&mut stream).await).unwrap();
        assert!(
            body.ends_with('\n') && head.contains(&format!("content-length: {}", body.len())),
            "{head}{body}"
        );
    }
    // Not a WebSocket at all.
    for bytes in
        ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".as_bytes(), CONNECT_5, b"POST / HTTP/1.1\r\n\r\n"]
    {
        let mut stream = served(&world.server, config.clone());
        stream.write_all(bytes).await.unwrap();
        assert_eq!(to_end(&mut stream).await, b"");
    }
}

/// [MQTT-6.0.0-3] (both versions).
#[tokio::test]
async fn mqtt_6_0_0_3_the_client_offers_the_sub_protocol_and_insists_on_it() {
    for selected in ["", "Sec-WebSocket-Protocol: other\r\n"] {
        let (ours, mut theirs) = duplex(1 << 16);
        let connecting = tokio::spawn(async move {
            WebSocketStream::connect(ours, "ws://example.test:81/mqtt?x=1", &Config::default()).await
        });
        let head = answer(&mut theirs).await;
        assert!(head.starts_with("GET /mqtt?x=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Protocol: mqtt\r\n"), "{head}");
        assert!(head.contains("\r\nHost: example.test:81\r\n"), "{head}");
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{selected}\r\n"
        );
        theirs.write_all(response.as_bytes()).await.unwrap();
        let error = connecting.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("sub-protocol `mqtt`"), "{error}");
    }
}

/// Both ends ours, over a pipe that holds little: packets larger than a frame, in both directions at once.
#[tokio::test]
async fn large_messages_pass_in_both_directions() {
    let mut limits = BrokerConfig::new();
    limits.connection.maximum_packet_size = 1 << 20;
    let world = World::with(limits, ());
    let connector = || {
        let server = world.server.clone();
        let below = move || {
            let (ours, theirs) = duplex(1000);
            let server = server.clone();
            tokio::spawn(async move {
                let stream = WebSocketStream::accept(theirs, &Config::default()).await.unwrap();
                server.serve_stream(stream, Peer::default()).await.unwrap();
            });
            async move { Ok(ours) }
        };
        WebSocket::new(below, "ws://localhost/mqtt")
    };
    let mut client = Client::connect_with(connector(), config("both"));
    subscribed(&mut client, "big", QoS::ExactlyOnce).await;
    let payload: Vec<u8> = (0..500_000u32).map(|number| number.to_le_bytes()[1]).collect();
    for _ in 0..3 {
        client.publish(message("big", payload.clone(), QoS::ExactlyOnce)).unwrap();
    }
    for _ in 0..3 {
        let events = until(&mut client, |event| matches!(event, ClientEvent::Received { .. })).await;
        let Some(ClientEvent::Received { message, .. }) = events.last() else { panic!("{events:?}") };
        assert_eq!(message.payload, payload);
    }
    let remains = client.shut_down(Disconnect::default(), PATIENCE).await;
    assert!(remains.is_nothing(), "{remains:?}");
}
