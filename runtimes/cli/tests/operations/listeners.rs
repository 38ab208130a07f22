//! Settings of one listener hold for it, and for no other.

use crate::{
    served::{Folder, Served},
    support::run,
    wire::{Client, V4, V5, hello},
};

const TWO: &str = "
[[listener]]
address = '127.0.0.1:0'
allow_anonymous = true
[[listener]]
address = '127.0.0.1:0'
[[listener]]
address = '127.0.0.1:0'
allow_anonymous = false
[authentication]
password_file = 'passwords'
";

#[test]
fn cve_2018_20145_each_listener_keeps_its_own_rules() {
    let folder = Folder::new();
    folder.users(&["alice"]);
    let served = Served::start(&folder, TWO);
    for (version, unauthorized, denied) in [(V4, 5, 4), (V5, 0x87, 0x86)] {
        for (port, anonymous) in served.ports.iter().zip([0, unauthorized, unauthorized]) {
            assert_eq!(Client::knock(*port, &hello(version, "a")).1, anonymous);
            assert_eq!(Client::knock(*port, &hello(version, "b").user("alice", "alice's")).1, 0);
            assert_eq!(Client::knock(*port, &hello(version, "c").user("alice", "wrong")).1, denied);
            assert_eq!(Client::knock(*port, &hello(version, "d").user("eve", "wrong")).1, denied);
        }
    }
}

#[test]
fn options_come_before_the_file() {
    let folder = Folder::new();
    folder.users(&["alice"]);
    let options = ["--listen", "127.0.0.1:0", "--listen", "localhost:0", "--max-packet-size", "4321"];
    let served = Served::start_with(&folder, &TWO.replacen("[[listener]]", "[[ listener ]]", 1), &options);
    assert_eq!(served.ports.len(), 2, "the three of the file are not served: {}", served.log());
    assert_eq!(Client::knock(served.port(), &hello(V5, "a")).1, 0x87, "the password file still holds");
    let mut client = Client::connect(served.port(), &hello(V5, "a").user("alice", "alice's"));
    // 4,321 bytes are announced and enforced.
    let mut large = vec![0x30, 0xDF, 0x21, 0, 1, b'a', 0];
    large.resize(4322, b'x');
    client.send(&large);
    assert_eq!(client.end(), Some((0xE0, vec![0x95])));

    let open = Served::start_with(&folder, TWO, &["--allow-anonymous"]);
    for port in &open.ports {
        assert_eq!(Client::knock(*port, &hello(V5, "a")).1, 0);
    }
    let wrong = run(&["broker", "--max-connections", "0"]);
    assert_eq!(
        (wrong.code, &*wrong.err),
        (1, "error: --max-connections 0: 0 makes no sense: at least 1 is needed\n")
    );
}
