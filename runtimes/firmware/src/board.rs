//! The two boards: memory map, clock tree and pins, in the names of the reference manuals (RM0090 and RM0041).

use crate::hardware::Register;

#[cfg(board = "stm32f100")]
pub(crate) use stm32f100::*;
#[cfg(board = "stm32f405")]
pub(crate) use stm32f405::*;

/// The phase-locked loop is ready within 0.2 ms. An emulator that has none never says so, and runs at full speed anyway.
const PLL_PATIENCE: u32 = 10_000;

/// Waits until a bit is set, not for ever.
fn await_bit(register: Register, bit: u32) {
    for _ in 0..PLL_PATIENCE {
        if register.read() & bit != 0 {
            return;
        }
    }
}

/// A Cortex-M4F with 1 MiB of flash and 128 KiB of RAM: serial line on PA9 and PA10, lamp on PC1.
#[cfg(board = "stm32f405")]
mod stm32f405 {
    use super::{Register, await_bit};

    /// What the processor runs at, in Hz.
    pub(crate) const CORE_CLOCK: u32 = 168_000_000;
    /// What the serial line's baud rate is made from.
    pub(crate) const USART1_CLOCK: u32 = CORE_CLOCK / 2;
    pub(crate) const USART1: usize = 0x4001_1000;
    pub(crate) const HEAP_BYTES: usize = 32 * 1024;
    /// Four times the largest packet that we take, and 90 ms at full speed.
    pub(crate) const RECEIVE_BUFFER: usize = 1024;

    const GPIOA: usize = 0x4002_0000;
    const GPIOC: usize = 0x4002_0800;
    const RCC: usize = 0x4002_3800;
    const FLASH: usize = 0x4002_3C00;
    const LAMP_PIN: u32 = 1;

    /// Full speed from the internal oscillator: 16 MHz / 8 × 168 / 2; then clocks and pins of what is used.
    pub(crate) fn start() {
        let (cr, pllcfgr, cfgr) =
            (Register::new(RCC, 0x00), Register::new(RCC, 0x04), Register::new(RCC, 0x08));
        // Five wait states, prefetch and both caches.
        Register::new(FLASH, 0x00).write(5 | 1 << 8 | 1 << 9 | 1 << 10);
        pllcfgr.write(8 | 168 << 6 | 7 << 24);
        cr.set(1 << 24);
        await_bit(cr, 1 << 25);
        // APB1 a quarter, APB2 half of the core clock, which is the loop's.
        cfgr.write(0b101 << 10 | 0b100 << 13 | 0b10);
        // AHB1ENR: ports A and C. APB2ENR: USART1.
        Register::new(RCC, 0x30).set(1 | 1 << 2);
        Register::new(RCC, 0x44).set(1 << 4);
        // AFRH: alternate function 7 on pins 9 and 10. MODER: alternate function there, output for the lamp.
        Register::new(GPIOA, 0x24).modify(0xFF << 4, 0x77 << 4);
        Register::new(GPIOA, 0x00).modify(0b1111 << 18, 0b1010 << 18);
        Register::new(GPIOC, 0x00).modify(0b11 << (2 * LAMP_PIN), 0b01 << (2 * LAMP_PIN));
    }

    /// Drives the lamp's pin.
    pub(crate) fn switch_lamp(on: bool) {
        let bit = 1 << LAMP_PIN;
        Register::new(GPIOC, 0x18).write(if on { bit } else { bit << 16 });
    }
}

/// A Cortex-M3 with 128 KiB of flash and 8 KiB of RAM: serial line on PA9 and PA10, lamp on PC9.
#[cfg(board = "stm32f100")]
mod stm32f100 {
    use super::{Register, await_bit};

    /// What the processor runs at, in Hz.
    pub(crate) const CORE_CLOCK: u32 = 24_000_000;
    /// What the serial line's baud rate is made from.
    pub(crate) const USART1_CLOCK: u32 = CORE_CLOCK;
    pub(crate) const USART1: usize = 0x4001_3800;
    pub(crate) const HEAP_BYTES: usize = 2816;
    /// 11 ms at full speed.
    pub(crate) const RECEIVE_BUFFER: usize = 128;

    const GPIOA: usize = 0x4001_0800;
    const GPIOC: usize = 0x4001_1000;
    const RCC: usize = 0x4002_1000;
    const LAMP_PIN: u32 = 9;

    /// Full speed from the internal oscillator: 8 MHz / 2 × 6; then clocks and pins of what is used.
    pub(crate) fn start() {
        let (cr, cfgr) = (Register::new(RCC, 0x00), Register::new(RCC, 0x04));
        cfgr.write(0b0100 << 18);
        cr.set(1 << 24);
        await_bit(cr, 1 << 25);
        cfgr.set(0b10);
        // APB2ENR: ports A and C, USART1.
        Register::new(RCC, 0x18).set(1 << 2 | 1 << 4 | 1 << 14);
        // CRH, four bits a pin from 8 on: PA9 alternate function, PA10 input, the lamp an output.
        Register::new(GPIOA, 0x04).modify(0xFF << 4, 0x4B << 4);
        Register::new(GPIOC, 0x04).modify(0xF << (4 * (LAMP_PIN - 8)), 0x2 << (4 * (LAMP_PIN - 8)));
    }

    /// Drives the lamp's pin.
    pub(crate) fn switch_lamp(on: bool) {
        let bit = 1 << LAMP_PIN;
        Register::new(GPIOC, 0x10).write(if on { bit } else { bit << 16 });
    }
}
