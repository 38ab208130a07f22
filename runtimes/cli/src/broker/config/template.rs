//! A configuration file to begin with.

use super::limits;

const HEAD: &str = r##"# Configuration of `mqtt broker`. The values are the defaults; every line may be left out.
# Use it with: mqtt broker --config FILE. Options of the command line come before what is said here.
# Names of files are relative to the folder of this file. SIGHUP has passwords, permissions and certificates read anew;
# everything else needs a new start.

# Where clients connect: one section for each address. Without any, 127.0.0.1:1883 and [::1]:1883.
[[listener]]
# IP:PORT, NAME:PORT or unix:PATH; port 0 takes a free one.
address = "127.0.0.1:1883"
# Whether clients may connect without a user name. Without this line: no if there is a password file, else yes on addresses
# that only this machine reaches and where client certificates are required; elsewhere it must be said.
# allow_anonymous = true
# Who may use a Unix socket, as the mode of its file.
# mode = "0600"
# WebSocket instead of plain MQTT: true for the path "/mqtt", or another path.
# websocket = true
# TLS; the files are PEM. With client_ca, clients may show a certificate signed by one of those; they may be made to.
# tls = { certificate = "server.pem", key = "server.key", client_ca = "clients.pem", require_client_certificate = true }

# [[listener]]
# address = "[::1]:1883"

[authentication]
# Users and their passwords, made with: mqtt passwd FILE USER. Without it, nobody's user name is verified or means anything.
# password_file = "passwords"

# Who may publish and subscribe to what. Without such sections everybody may do everything, with one what is not allowed is
# denied. First `deny` is asked: a topic that matches one of its patterns is denied, and a subscription that could bring such
# topics. Then `publish`, `subscribe` or `both` must have a pattern that covers the topic or the whole subscription. Wills are
# treated as messages. In patterns, %c is the client identifier, %u the user name, %% a percent sign; where the name of
# a client contains + # / or $ or is empty, a pattern with it allows nothing, and a `deny` with it denies everything.
# Topics that begin with $ must be named: "#" does not cover "$SYS/#".
#
# Clients that did not prove who they are:
# [permissions.anonymous]
# subscribe = ["public/#", "$SYS/#"]
#
# Every user of the password file:
# [permissions.all_users]
# both = ["users/%u/#"]
#
# One user, beside what all users may do:
# [permissions.user.alice]
# publish = ["lamps/+/set"]
# subscribe = ["lamps/#"]
# both = ["chat/+"]
# deny = ["lamps/cellar/#"]

[statistics]
# How often the topics below $SYS/broker are published, in seconds; 0 for never.
interval = 10

[log]
# error, warn, info, debug or trace.
level = "info"
# text, or json: one object a line.
format = "text"

[limits]
"##;

pub(crate) fn template() -> String {
    let mut out = String::from(HEAD);
    limits::template(&mut out);
    out
}
