//! USART1: each received byte interrupts and is put aside, so that none is lost while the program works.

use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

use crate::{
    board::{RECEIVE_BUFFER, USART1, USART1_CLOCK},
    hardware::{Register, unmask_serial},
    ring::Ring,
};

/// The position of USART1 in the interrupt table of both boards.
pub(crate) const INTERRUPT: u16 = 37;
const BAUD_RATE: u32 = 115_200;

const STATUS: Register = Register::new(USART1, 0x00);
const DATA: Register = Register::new(USART1, 0x04);
const BAUD: Register = Register::new(USART1, 0x08);
const CONTROL_1: Register = Register::new(USART1, 0x0C);

/// SR: parity, framing and noise errors, overrun.
const FAULTS: u32 = 0b1111;
/// SR: a byte was received; all is sent; the transmitter takes the next one.
const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
/// CR1: receiver, transmitter, interrupt on reception, the whole.
const RE_TE_RXNEIE_UE: u32 = 1 << 2 | 1 << 3 | 1 << 5 | 1 << 13;

static RECEIVED: Ring<RECEIVE_BUFFER> = Ring::new();
/// Whether a byte was lost or damaged since the program was last told.
static IS_DAMAGED: AtomicBool = AtomicBool::new(false);

/// The interrupt's handler: reading the status and then the byte clears both.
pub(crate) extern "C" fn interrupted() {
    let status = STATUS.read();
    if status & (RXNE | FAULTS) == 0 {
        return;
    }
    let [byte, ..] = DATA.read().to_le_bytes();
    if status & FAULTS != 0 || !RECEIVED.push(byte) {
        IS_DAMAGED.store(true, Ordering::Relaxed);
    }
}

/// The line. It has neither beginning nor end: whoever talks over it must notice by himself that nobody listens.
#[derive(Debug)]
pub(crate) struct Serial(());

/// Bytes were lost or damaged: what follows them makes no sense any more.
#[derive(Debug)]
pub(crate) struct Damaged;

impl Serial {
    pub(crate) fn start() -> Self {
        BAUD.write(USART1_CLOCK / BAUD_RATE);
        CONTROL_1.write(RE_TE_RXNEIE_UE);
        unmask_serial();
        Self(())
    }
}

impl ErrorType for Serial {
    type Error = Damaged;
}

impl ReadReady for Serial {
    fn read_ready(&mut self) -> Result<bool, Damaged> {
        if IS_DAMAGED.load(Ordering::Relaxed) {
            IS_DAMAGED.store(false, Ordering::Relaxed);
            return Err(Damaged);
        }
        Ok(!RECEIVED.is_empty())
    }
}

impl Read for Serial {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damaged> {
        while !buffer.is_empty() && !self.read_ready()? {}
        let places = buffer.iter_mut();
        Ok(places.map_while(|place| RECEIVED.pop().map(|byte| *place = byte)).count())
    }
}

impl WriteReady for Serial {
    fn write_ready(&mut self) -> Result<bool, Damaged> {
        Ok(STATUS.read() & TXE != 0)
    }
}

impl Write for Serial {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Damaged> {
        let Some(byte) = bytes.first() else { return Ok(0) };
        while !self.write_ready()? {}
        DATA.write((*byte).into());
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Damaged> {
        while STATUS.read() & TC == 0 {}
        Ok(())
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes were lost or damaged on the line")
    }
}

impl core::error::Error for Damaged {}

impl embedded_io::Error for Damaged {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidData
    }
}
