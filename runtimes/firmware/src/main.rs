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
use mqtt_engine::Client;
use mqtt_engine_bare::{Link, Next};
use serial::Serial;

#[cortex_m_rt::entry]
fn main() -> ! {
    board::start();
    hardware::start_heap();
    // Taken once, here.
    let Some(core) = cortex_m::Peripherals::take() else { SCB::sys_reset() };
    let mut clock = Clock::start(core.SYST);
    let mut line = Serial::start();
    let mut lamp = Lamp::new();
    let mut client = Client::new(settings::client(), clock.now());
    let mut link = Link::<64>::new();
    loop {
        let now = clock.now();
        let next = link.turn(&mut client, &mut line, now);
        while let Some(event) = client.poll_event() {
            lamp.hear(event, &mut client, now);
        }
        if lamp.act(&mut client, now).is_err() {
            link.lost(&mut client, now);
        }
        match next {
            // Something was done, or the line failed, which the client has been told.
            Ok(Next::AtOnce) | Err(_) => {}
            // Until the next byte or tick. What waits to be sent wakes nobody.
            Ok(Next::Wait { .. }) if client.outbox().is_empty() => asm::wfi(),
            Ok(Next::Wait { .. }) => {}
            // The client gave up; a lamp never does.
            Ok(Next::Rest) => client.connect(now),
        }
    }
}

/// Nobody is there to read a message: start again.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    SCB::sys_reset()
}
