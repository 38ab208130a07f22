//! SysTick as the clock: a tick each millisecond.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use mqtt_engine::Timestamp;

use crate::board::CORE_CLOCK;

static TICKS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // Nobody else writes; adding in one step costs more.
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Milliseconds since the start, also after the 49 days that 32 bits last.
pub(crate) struct Clock {
    passed: u64,
    ticks: u32,
}

impl Clock {
    pub(crate) fn start(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(CORE_CLOCK / 1000 - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        Self { passed: 0, ticks: 0 }
    }

    /// To be asked once in 49 days at least.
    pub(crate) fn now(&mut self) -> Timestamp {
        let ticks = TICKS.load(Ordering::Relaxed);
        self.passed += u64::from(ticks.wrapping_sub(self.ticks));
        self.ticks = ticks;
        Timestamp::from_millis(self.passed)
    }
}
