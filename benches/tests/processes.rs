//! The hidden subcommands, which the groups `broker` and `clients` start as processes of their own.

use std::{
    error::Error,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[test]
fn the_broker_by_hand_ends_with_its_input_and_tells_what_the_client_counted() -> Result<(), Box<dyn Error>> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let benches = || Command::new(env!("CARGO_BIN_EXE_benches"));
    let mut broker = benches();
    broker.args(["limit", &address.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    // If the test fails its input ends, and so does the broker.
    let broker = broker.spawn()?;
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "the broker does not listen");
        thread::sleep(Duration::from_millis(10));
    }
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let client = benches().args(["client", "by hand", &host, &port, "5.0", "0.05"]).output()?;
    assert!(client.status.success(), "{client:?}");
    let counts = String::from_utf8(client.stdout)?;
    let published = String::from_utf8(broker.wait_with_output()?.stdout)?;
    let acknowledged: u64 = counts.split(' ').next().unwrap_or_default().parse()?;
    assert_eq!(published.trim().parse::<u64>()?, acknowledged);
    assert!(acknowledged > 0, "{counts}");
    Ok(())
}
