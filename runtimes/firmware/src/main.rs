//! A lamp on a serial line: an MQTT client on a microcontroller without an operating system.
//!
//! USART1 is the only link, with a transparent serial-to-TCP module behind it (or QEMU, which plays one). See the README of the
//! repository for how to build and run it.
#![no_std]
#![no_main]

mod board;
mod clock;
mod counter;
mod hardware;
mod lamp;
mod memory;
mod ring;
mod serial;
mod settings;
mod words;

use core::panic::PanicInfo;

use clock::Clock;
use cortex_m::{asm, peripheral::SCB};
use lamp::Lamp;
use mqtt_engine::{Client, Timestamp};
use mqtt_engine_bare::{Link, Next};
use serial::{Damaged, Serial};

/// All that the program is made of. It stands at the bottom of the stack for ever.
struct Program {
    client: Client,
    link: Link<64>,
    line: Serial,
    lamp: Lamp,
    clock: Clock,
}

#[cortex_m_rt::entry]
fn main() -> ! {
    board::start();
    hardware::start_heap();
    let mut program = Program::new();
    loop {
        program.turn();
    }
}

impl Program {
    // Not inlined: what is needed to make it would take room on the stack for ever.
    #[inline(never)]
    fn new() -> Self {
        // Taken once, here.
        let Some(core) = cortex_m::Peripherals::take() else { SCB::sys_reset() };
        let mut clock = Clock::start(core.SYST);
        let client = Client::new(settings::client(), clock.now());
        Self { client, link: Link::new(), line: Serial::start(), lamp: Lamp::new(), clock }
    }

    #[inline(never)]
    fn turn(&mut self) {
        let now = self.clock.now();
        let next = self.exchange(now);
        self.hear(now);
        self.act(now);
        match next {
            // Something was done, or the line failed, which the client has been told.
            Ok(Next::AtOnce) | Err(_) => {}
            // Until the next byte or tick. What waits to be sent wakes nobody.
            Ok(Next::Wait { .. }) if self.client.outbox().is_empty() => asm::wfi(),
            Ok(Next::Wait { .. }) => {}
            // The client gave up; a lamp never does.
            Ok(Next::Rest) => self.client.connect(now),
        }
    }

    // These are not inlined: each needs its own room on the stack, one after the other.
    #[inline(never)]
    fn exchange(&mut self, now: Timestamp) -> Result<Next, Damaged> {
        self.link.turn(&mut self.client, &mut self.line, now)
    }

    #[inline(never)]
    fn act(&mut self, now: Timestamp) {
        if self.lamp.act(&mut self.client, now).is_err() {
            self.link.lost(&mut self.client, now);
        }
    }

    #[inline(never)]
    fn hear(&mut self, now: Timestamp) {
        while let Some(event) = self.client.poll_event() {
            self.lamp.hear(event, &mut self.client, now);
        }
    }
}

/// Nobody is there to read a message: start again.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    SCB::sys_reset()
}
