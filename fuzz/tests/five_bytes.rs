//! What strangers can make a broker hold before they have said who they are.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use allocation_counter::{AllocationInfo, measure};
use bytes::{Buf, Bytes};
use mqtt_engine::{Broker, BrokerConfig, ConnectionId, Timestamp, Transport};

const CONNECTIONS: usize = 1000;
/// What a connection itself and its places in lists and timers may cost.
const BOOKKEEPING: usize = 4 << 10;
const NOW: Timestamp = Timestamp::from_secs(1);

/// What a broker holds when each of its connections has sent these bytes.
fn after(hello: &[u8]) -> (AllocationInfo, Broker, Vec<ConnectionId>) {
    let mut broker = Broker::new(BrokerConfig::new(), NOW);
    let mut connections = Vec::with_capacity(CONNECTIONS);
    let memory = measure(|| {
        for _ in 0..CONNECTIONS {
            let id = broker.accept(NOW).unwrap();
            let mut input = hello;
            broker.receive(id, &mut input, NOW);
            assert!(!input.has_remaining());
            connections.push(id);
        }
    });
    (memory, broker, connections)
}

/// A CONNECT that announces 256 MiB is refused at its length.
#[test]
fn a_length_of_256_mib_costs_nothing() {
    let (memory, broker, connections) = after(&[0x10, 0xFF, 0xFF, 0xFF, 0x7F]);
    println!("{CONNECTIONS} connections with 10 FF FF FF 7F: {} bytes at most", memory.bytes_max);
    assert!(memory.bytes_max < (CONNECTIONS * BOOKKEEPING) as u64);
    assert!(connections.iter().all(|id| broker.transport(*id) == Transport::FlushThenClose));
}

/// A CONNECT that announces as much as is allowed costs what has come of it.
#[test]
fn a_length_that_is_allowed_costs_only_what_came() {
    // 16,380 bytes behind the header: with it the largest that is allowed.
    let (memory, broker, connections) = after(&[0x10, 0xFC, 0x7F, 0x00, 0x04]);
    println!("{CONNECTIONS} connections with 10 FC 7F 00 04: {} bytes at most", memory.bytes_max);
    assert!(memory.bytes_max < (CONNECTIONS * BOOKKEEPING) as u64);
    assert!(connections.iter().all(|id| broker.transport(*id) == Transport::Keep));
}

/// Nobody can make the broker hold more than `connect_bytes`, and once they are there not for long.
#[test]
fn a_first_packet_costs_no_more_than_its_limit() {
    let limit = usize::try_from(BrokerConfig::new().connection.connect_bytes).unwrap();
    let mut hello = vec![0x10, 0xFD, 0x7F];
    hello.resize(limit - 1, 0);
    let (memory, mut broker, connections) = after(&hello);
    let size = hello.len();
    println!("{CONNECTIONS} connections with {size} bytes of a CONNECT: {} bytes at most", memory.bytes_max);
    // While a buffer grows, the old one is still there.
    assert!(memory.bytes_max < (CONNECTIONS * (limit + BOOKKEEPING) + limit) as u64);
    let freed = measure(|| {
        for id in connections {
            broker.receive(id, &mut Bytes::from_static(&[0]), NOW);
            broker.transport_closed(id, NOW);
        }
    });
    let left = memory.bytes_current + freed.bytes_current;
    println!("left when they are gone: {left} bytes");
    assert!(left < (CONNECTIONS * BOOKKEEPING) as i64);
}
