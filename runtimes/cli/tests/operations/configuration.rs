//! Configuration files, right and wrong.

use std::fs;

use crate::{
    served::{Folder, Served},
    support::run,
    wire::{Client, V5, hello},
};

/// A wrong configuration, the line that is named and what is said about it.
type Refusal = (&'static str, usize, &'static str);

const LISTENERS: &[Refusal] = &[
    (
        "[[listener]]\naddress = '0.0.0.0:1883'",
        2,
        "address \"0.0.0.0:1883\": other machines can reach this address, and anybody may connect without a user name\n  \
         name a password_file in [authentication], or set allow_anonymous = true here if that is meant",
    ),
    (
        "[[listener]]\naddress = '[::]:1883'",
        2,
        "address \"[::]:1883\": other machines can reach this address, and anybody may connect without a user name\n  \
         name a password_file in [authentication], or set allow_anonymous = true here if that is meant",
    ),
    (
        // A certificate that nobody must show proves nothing.
        "[[listener]]\naddress = '0.0.0.0:8883'\ntls = { certificate = 'file', key = 'file', client_ca = 'file' }",
        2,
        "address \"0.0.0.0:8883\": other machines can reach this address, and anybody may connect without a user name\n  \
         name a password_file in [authentication], or set allow_anonymous = true here if that is meant",
    ),
    (
        "[[listener]]\naddress = '127.0.0.1:1883'\nallow_anonymous = false",
        3,
        "address \"127.0.0.1:1883\": nobody could connect: anonymous clients may not, and there is no password file\n  \
         name a password_file in [authentication], or set allow_anonymous = true here if that is meant",
    ),
    (
        "[[listener]]\naddress = '127.0.0.1:1883'\n\n[[listener]]\naddress = '127.0.0.1:1883'",
        5,
        "127.0.0.1:1883 is served already, by FILE:2",
    ),
    (
        "[[listener]]\naddress = 'unix:s'\n[[listener]]\naddress = 'unix:s'",
        4,
        "unix:FOLDER/s is served already, by FILE:2",
    ),
    ("[[listener]]\naddress = '127.0.0.1'", 2, "address \"127.0.0.1\": invalid socket address"),
    ("[[listener]]\naddress = 'unix:'", 2, "address \"unix:\": behind unix: comes the path of the socket"),
    ("[[listener]]\naddress = 'unix:no/s'", 2, "address \"unix:no/s\": there is no folder FOLDER/no"),
    ("[[listener]]\nallow_anonymous = true", 1, "missing field `address`"),
    (
        "[[listener]]\naddress = 'unix:s'\ntls = {}",
        3,
        "tls: a Unix socket does not leave the machine and has no TLS",
    ),
    (
        "[[listener]]\naddress = 'localhost:0'\n[listener.tls]\ncertificate = 'file'",
        3,
        "tls without key: the file of the certificate's private key is needed",
    ),
    (
        "[[listener]]\naddress = 'localhost:0'\ntls = { key = 'file' }",
        3,
        "tls without certificate: the file of the server's is needed",
    ),
    (
        "[[listener]]\naddress = 'localhost:0'\n[listener.tls]\ncertificate = 'file'\nkey = 'none'",
        5,
        "FOLDER/none: can't be read: No such file or directory (os error 2)",
    ),
    (
        "[[listener]]\naddress = 'localhost:0'\n[listener.tls]\ncertificate = 'file'\nkey = 'file'\nrequire_client_certificate = true",
        6,
        "require_client_certificate without client_ca: who may sign the certificates?",
    ),
    (
        "[[listener]]\naddress = 'localhost:0'\nwebsocket = 1",
        3,
        "websocket: true, false or a path such as \"/mqtt\" is needed",
    ),
    (
        "[[listener]]\naddress = 'localhost:0'\nwebsocket = 'a b'",
        3,
        "websocket \"a b\": a path such as \"/mqtt\" is needed",
    ),
];

const OTHERS: &[Refusal] = &[
    (
        "listen = 'x'",
        1,
        "unknown field `listen`, expected one of `listener`, `authentication`, `permissions`, `statistics`, `log`, `limits`",
    ),
    ("\n[log]\nlevel = 'loud'", 3, "level: error, warn, info, debug or trace is needed"),
    ("[log]\nformat = 'xml'", 2, "format: text or json is needed"),
    ("[statistics]\ninterval = -1", 2, "interval: a number of seconds is needed, or 0 for never"),
    ("[statistics]\ninterval = 0.01", 2, "interval: 0.1 seconds at least, or 0 for never"),
    ("[limits]\nconnections = 0", 2, "connections: 0 makes no sense: at least 1 is needed"),
    ("[limits]\n\nqueue_bytes = 0", 3, "queue_bytes: 0 makes no sense: at least 1 is needed"),
    ("[limits]\nretained_count = 0", 2, "retained_count: 0 makes no sense: at least 1 is needed"),
    ("[limits]\nreceive_maximum = 70000", 2, "receive_maximum: 70000 is too much: at most 65535"),
    (
        "[limits]\nmaximum_packet_size = 300000000",
        2,
        "maximum_packet_size: 300000000 is too much: at most 268435460",
    ),
    ("[limits]\nmaximum_packet_size = 5", 2, "maximum_packet_size: 5 is too little: at least 16"),
    ("[limits]\nconnect_timeout = 0", 2, "connect_timeout: a number of seconds above 0 is needed"),
    ("[limits]\nsessions = -1", 2, "invalid value: integer `-1`, expected u64"),
    ("[limits]\nsessions = 'many'", 2, "invalid type: string \"many\", expected u64"),
    (
        "[limits]\nclient_id_prefix = 'a/'",
        2,
        "client_id_prefix: +, #, / and $ have a meaning in topics and may not stand in it",
    ),
    ("[limits]\nsessions = 1\nsessions = 2", 3, "duplicate key"),
    (
        "[permissions.user.alice]\nboth = []",
        1,
        "permissions of \"alice\", but there is no password file to know users by",
    ),
    (
        "[authentication]\npassword_file = 'passwords'\n[permissions.user.bob]\nboth = []\n[permissions.user.eve]\nboth = []",
        5,
        "permissions of \"eve\", who is not in the password file",
    ),
    (
        "[permissions.anonymous]\nboth = [\n  'a',\n  'b/#/c',\n]",
        4,
        "pattern \"b/#/c\": `#` must be the whole last level of a filter",
    ),
    (
        "[permissions.all_users]\ndeny = ['%x']",
        2,
        "pattern \"%x\": behind % comes c (client id), u (user name) or %",
    ),
    (
        "[permissions.anonymous]\ndeny = ['%u']",
        2,
        "pattern \"%u\": %u means nothing here, for an anonymous client has no user name",
    ),
    (
        "[permissions.anonymous]\npub = ['a']",
        2,
        "unknown field `pub`, expected one of `publish`, `subscribe`, `both`, `deny`",
    ),
    (
        "[authentication]\npassword_file = 'none'",
        0,
        "FOLDER/none: can't be read: No such file or directory (os error 2)",
    ),
];

#[test]
fn what_makes_no_sense_is_refused_with_file_line_and_reason() {
    let folder = Folder::new();
    folder.users(&["bob"]);
    folder.write("file", "");
    let file = folder.text("broker.toml");
    let place = folder.text("");
    for (text, line, reason) in LISTENERS.iter().chain(OTHERS) {
        fs::write(&file, text).unwrap();
        let refused = run(&["broker", "--config", &file]);
        let reason = reason.replace("FILE", &file).replace("FOLDER", place.trim_end_matches('/'));
        // What is wrong with another file is said about that one.
        let expected =
            if *line == 0 { format!("error: {reason}") } else { format!("error: {file}:{line}: {reason}") };
        assert_eq!((refused.code, &*refused.out, refused.err.trim_end()), (1, "", &*expected), "{text}");
    }
    let missing = run(&["broker", "--config", "/nowhere/broker.toml"]);
    assert_eq!(
        missing.err,
        "error: /nowhere/broker.toml: can't be read: No such file or directory (os error 2)\n"
    );
}

#[test]
fn the_file_that_is_printed_can_be_used() {
    let folder = Folder::new();
    let printed = run(&["broker", "--print-config"]);
    assert_eq!((printed.code, &*printed.err), (0, ""));
    let text = printed.out.replace("127.0.0.1:1883\"\n# Whether", "127.0.0.1:0\"\n# Whether");
    // The examples are comments.
    let text = text.replace("# [[listener]]", "#");
    let served = Served::start(&folder, &text);
    let mut client = Client::connect(served.port(), &hello(V5, "a"));
    assert_eq!(client.subscribe(&["a"]), [1]);
}

#[test]
fn limits_of_the_file_hold() {
    let folder = Folder::new();
    let config =
        "[[listener]]\naddress = '127.0.0.1:0'\n[limits]\nsubscriptions_per_session = 2\nsessions = 2\n";
    let served = Served::start(&folder, config);
    let mut client = Client::connect(served.port(), &hello(V5, "a"));
    assert_eq!(client.subscribe(&["a", "b", "c"]), [1, 1, 0x97]);
    let _second = Client::connect(served.port(), &hello(V5, "b"));
    assert_eq!(Client::knock(served.port(), &hello(V5, "c")).1, 0x97);
}
