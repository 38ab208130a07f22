//! The firmware of `runtimes/firmware` on emulated boards, over a serial line that is cut and damages bytes, against `mqtt broker`.
//!
//! A test whose programs are missing says so and passes; with `MQTT_REQUIRE_PEERS` in the environment it fails.

#![expect(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test may panic, and has std"
)]

mod board;
#[path = "../peers/foreign.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod foreign;
mod heard;
mod module;
#[path = "../peers/process.rs"]
#[allow(dead_code, reason = "shared; a part is used here")]
mod process;
#[path = "../peers/programs.rs"]
#[allow(dead_code, unused_imports, reason = "shared; a part is used here")]
mod programs;

use board::{Board, Kind};
use heard::Heard;
use module::{Line, Module};
use programs::{Broker, Version};

/// How many bytes are damaged, each of which may cost a connection.
const DAMAGES: usize = 6;

/// One board through all that a line can do to it.
fn lamp_on_a_bad_line(kind: Kind, version: Version) {
    let Some(firmware) = board::build(kind, version) else { return };
    let mut broker = Broker::ours();
    let mut heard = Heard::listen(&broker);
    let module = Module::start(broker.port, 0x00C0_FFEE);
    let board = Board::start(kind, &firmware, module.port);
    heard.until("board online 1");
    heard.until("led/state off");

    // It is switched from afar.
    broker.publish(version, &["-t", "led", "-m", "on", "-q", "1"]);
    heard.until("led/state on");
    assert_eq!(retained(&broker, "led/state"), "on");
    board.wait_for_pin(true);
    heard.numbers(3);

    // The module loses its connection: the will is published, the session goes on.
    module.hang_up();
    heard.until("board offline");
    heard.until("board online 2");
    broker.process.wait_for("session_present=true");
    heard.numbers(3);

    // The cable is pulled: nobody is told. What was said meanwhile comes with the session.
    module.set(Line::Cut);
    broker.publish(version, &["-t", "led", "-m", "off", "-q", "1"]);
    heard.until("board offline");
    module.set(Line::Whole);
    heard.until("led/state off");
    board.wait_for_pin(false);
    heard.numbers(3);

    // Bytes get lost and turn over.
    module.set(Line::Damaging);
    module.wait_for_damages(DAMAGES);
    module.set(Line::Whole);
    broker.publish(version, &["-t", "line", "-m", "whole"]);
    heard.until("line whole");
    heard.numbers(3);
    broker.publish(version, &["-t", "led", "-m", "on", "-q", "1"]);
    heard.until("led/state on");
    board.wait_for_pin(true);

    heard.assert_complete();
    let memory = heard.memory();
    println!(
        "{kind:?}, {version:?}: {} numbers, {} connections; {memory:?}",
        heard.count(),
        heard.connections()
    );
    assert!(memory["stack"] < memory["of"], "the stack was used up: {memory:?}");
}

/// What the broker keeps for a topic.
fn retained(broker: &Broker, topic: &str) -> String {
    let mut one = broker.mqtt("sub", Version::V5, &["-t", topic, "-C", "1"]);
    process::Process::start(&mut one).next_line()
}

/// 128 KiB of RAM.
mod stm32f405 {
    use super::*;

    #[test]
    fn v311() {
        lamp_on_a_bad_line(Kind::Stm32F405, Version::V311);
    }

    #[test]
    fn v5() {
        lamp_on_a_bad_line(Kind::Stm32F405, Version::V5);
    }
}

/// 8 KiB of RAM.
mod stm32f100 {
    use super::*;

    #[test]
    fn v311() {
        lamp_on_a_bad_line(Kind::Stm32F100, Version::V311);
    }

    #[test]
    fn v5() {
        lamp_on_a_bad_line(Kind::Stm32F100, Version::V5);
    }
}
