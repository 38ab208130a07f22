//! The frames of a real exchange on a public 3.1.1 platform: what each of them means to the checker.

use mqtt_engine_sim::checker::{Role, Rule};

use crate::talk::*;

fn hex(digits: &str) -> Vec<u8> {
    digits.split(' ').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// A conversation in hex digits: `>` is from the client.
fn talk(name: &'static str, role: Role, lines: &[&str]) -> Talk {
    let mut talk = Talk::new(name, role, V3);
    for line in lines {
        let (direction, digits) = line.split_at(2);
        let is_own = (direction == "> ") == (role == Role::Client);
        let bytes = hex(digits);
        talk = if is_own { talk.me_bytes(&bytes) } else { talk.peer_bytes(&bytes) };
    }
    talk
}

const CONNECT: &str = "> 10 26 00 04 4D 51 54 54 04 C2 00 78 00 09 38 39 34 36 37 32 30 38 39 00 06 34 38 39 34 30 32 00 07 64 6E 64 66 73 73 6A";
const CONNACK: &str = "< 20 02 00 00";
const PRESENT: &str = "< 20 02 01 00";
const SUBSCRIBE: &str = "> 82 0E 00 0A 00 09 61 70 70 5F 74 6F 70 69 63 00";
const SUBSCRIBE_AGAIN: &str = "> 82 0E 00 0B 00 09 61 70 70 5F 74 6F 70 69 63 01";
const UNSUBSCRIBE: &str = "> A2 0D 00 0C 00 09 61 70 70 5F 74 6F 70 69 63";
const QOS_0: &str = "> 30 0E 00 09 6B 66 62 5F 74 6F 70 69 63 31 32 33";
const QOS_1: &str = "> 32 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33";
const QOS_1_AGAIN: &str = "> 3A 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33";
const QOS_2: &str = "> 34 10 00 09 6B 66 62 5F 74 6F 70 69 63 00 01 31 32 33";
const PUBACK: &str = "< 40 02 00 01";
const PUBREC: &str = "< 50 02 00 01";
const PUBREL: &str = "> 62 02 00 01";
const WRONG_PUBREL: &str = "> 60 02 00 01";
const PUBCOMP: &str = "< 70 02 00 01";
const PING: [&str; 2] = ["> C0 00", "< D0 00"];
const DISCONNECT: &str = "> E0 00";

pub fn talks() -> Vec<Talk> {
    let mut talks = Vec::new();
    for role in [Role::Client, Role::Server] {
        let whole = [
            CONNECT,
            CONNACK,
            SUBSCRIBE,
            "< 90 03 00 0A 00",
            SUBSCRIBE_AGAIN,
            "< 90 03 00 0B 01",
            UNSUBSCRIBE,
            "< B0 02 00 0C",
            QOS_0,
            QOS_1,
            PUBACK,
            QOS_2,
            PUBREC,
            PUBREL,
            PUBCOMP,
            PING[0],
            PING[1],
            DISCONNECT,
        ];
        talks.push(talk("the whole exchange", role, &whole).settles().closed());
        // Nobody has answered, and 3.1.1 has no rule against another try.
        talks.push(talk("a lost PUBACK", role, &[CONNECT, CONNACK, QOS_1, QOS_1_AGAIN, PUBACK]));
    }
    talks.extend([
        talk("session present after a clean session", Role::Server, &[CONNECT, PRESENT])
            .breaks(&[Rule::PresentAfterCleanStart]),
        talk("session present is tolerated", Role::Client, &[CONNECT, PRESENT, QOS_0])
            .with(|settings| settings.tolerates_session_present = true),
        talk("session present is not tolerated", Role::Client, &[CONNECT, PRESENT, QOS_0])
            .breaks(&[Rule::ClosesAfterFault]),
        talk("PUBREL of the tutorials", Role::Client, &[CONNECT, CONNACK, QOS_2, PUBREC, WRONG_PUBREL])
            .breaks(&[Rule::Malformed]),
        talk("the server closes", Role::Server, &[CONNECT, CONNACK, QOS_2, PUBREC, WRONG_PUBREL]).closed(),
        talk("the server goes on", Role::Server, &[CONNECT, CONNACK, QOS_2, PUBREC, WRONG_PUBREL, PUBCOMP])
            .breaks(&[Rule::ClosesAfterFault]),
    ]);
    talks
}

#[test]
fn a_violation_in_words() {
    let talk = talk("", Role::Client, &[CONNECT, CONNACK, QOS_2, PUBREC, WRONG_PUBREL]);
    let (_, violations) = talk.play(usize::MAX);
    let words = violations[0].to_string();
    assert_eq!(
        words,
        "100.000 connection 1, [MQTT-2.2.2-2] (3.1.1): byte 0, flags: the flags are 0000, but those of \
         PUBREL must be 0010 (Malformed)"
    );
    let talk = Talk::v5("", Role::Server).connected().me(&qos1(1)).me(&other(&qos1(1)));
    let (checker, violations) = talk.play(usize::MAX);
    let words = violations[0].to_string();
    assert!(words.contains("[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] (5.0)"), "{words}");
    assert!(words.contains("PUBLISH id=1 qos=1"), "{words}");
    assert_eq!(checker.unfinished(), 1);
}

#[test]
fn what_is_owed_can_be_asked() {
    let talk = Talk::v5("", Role::Server).connected().peer(&qos1(7)).peer(&subscribe_one(8));
    let (checker, violations) = talk.play(usize::MAX);
    assert_eq!(violations, []);
    assert_eq!(checker.owed(), [(Rule::OwesPubAck, 7), (Rule::OwesSubAck, 8)]);
    let (checker, _) = talk.closed().play(usize::MAX);
    assert_eq!(checker.owed(), []);
}
