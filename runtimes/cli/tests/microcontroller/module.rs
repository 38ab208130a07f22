//! A transparent serial-to-TCP module, and the line between it and the board.
//!
//! It connects to the broker and, when that connection ends, connects again; the board is told of neither.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// One byte in so many is damaged.
const DAMAGE: u64 = 120;

/// So many bytes always travel in this time.
const LONGEST: Duration = Duration::from_secs(120);

/// What the line does to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It carries them.
    Whole,
    /// It loses all.
    Cut,
    /// It loses some, and turns bits of others over.
    Damaging,
}

/// The module, with its threads.
pub(crate) struct Module {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    broker: u16,
    line: Mutex<Line>,
    damages: AtomicUsize,
    is_ended: AtomicBool,
    serial: Mutex<Option<TcpStream>>,
    network: Mutex<Option<TcpStream>>,
}

impl Module {
    /// A module for a broker; the board is to connect to [`port`](Self::port).
    pub(crate) fn start(broker: u16, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            broker,
            line: Mutex::new(Line::Whole),
            damages: AtomicUsize::new(0),
            is_ended: AtomicBool::new(false),
            serial: Mutex::new(None),
            network: Mutex::new(None),
        });
        let upward = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let Ok((serial, _)) = listener.accept() else { return };
            *upward.serial.lock().unwrap() = Some(serial.try_clone().unwrap());
            let downward = Arc::clone(&upward);
            let to_board = serial.try_clone().unwrap();
            let other = thread::spawn(move || downward.to_board(to_board, Faults(seed)));
            upward.to_broker(serial, Faults(!seed));
            other.join().unwrap();
        });
        Self { port, shared, threads: vec![thread] }
    }

    /// Changes the line.
    pub(crate) fn set(&self, line: Line) {
        *self.shared.line.lock().unwrap() = line;
    }

    /// Waits until so many bytes were damaged, by which the board may be kept from saying anything.
    pub(crate) fn wait_for_damages(&self, count: usize) {
        let began = Instant::now();
        while self.shared.damages.load(Ordering::Relaxed) < count {
            assert!(began.elapsed() < LONGEST, "too few bytes travel");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the connection to the broker.
    pub(crate) fn hang_up(&self) {
        if let Some(network) = &*self.shared.network.lock().unwrap() {
            let _ = network.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn to_broker(&self, mut serial: TcpStream, mut faults: Faults) {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = serial.read(&mut buffer) {
            let bytes = self.carry(&buffer[..count], &mut faults);
            // What comes while there is no connection is lost.
            if let Some(network) = &mut *self.network.lock().unwrap() {
                let _ = network.write_all(&bytes);
            }
        }
    }

    fn to_board(&self, mut serial: TcpStream, mut faults: Faults) {
        while !self.is_ended.load(Ordering::Relaxed) {
            let Ok(mut network) = TcpStream::connect(("127.0.0.1", self.broker)) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            *self.network.lock().unwrap() = Some(network.try_clone().unwrap());
            // Ended while it was being made.
            if self.is_ended.load(Ordering::Relaxed) {
                return;
            }
            let mut buffer = [0; 256];
            while let Ok(count @ 1..) = network.read(&mut buffer) {
                let bytes = self.carry(&buffer[..count], &mut faults);
                if serial.write_all(&bytes).is_err() {
                    return;
                }
            }
            *self.network.lock().unwrap() = None;
        }
    }

    /// What arrives of these bytes.
    fn carry(&self, bytes: &[u8], faults: &mut Faults) -> Vec<u8> {
        match *self.line.lock().unwrap() {
            Line::Whole => bytes.to_vec(),
            Line::Cut => Vec::new(),
            Line::Damaging => bytes.iter().filter_map(|byte| self.damage(*byte, faults)).collect(),
        }
    }

    fn damage(&self, byte: u8, faults: &mut Faults) -> Option<u8> {
        if !faults.next().is_multiple_of(DAMAGE) {
            return Some(byte);
        }
        self.damages.fetch_add(1, Ordering::Relaxed);
        let bit = faults.next() % 16;
        (bit < 8).then(|| byte ^ 1 << bit)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Ordering::Relaxed);
        // Threads that wait for a board that never came, or for bytes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for stream in [&self.shared.serial, &self.shared.network] {
            if let Ok(stream) = stream.lock()
                && let Some(stream) = &*stream
            {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Numbers from a seed: the SplitMix64 sequence.
struct Faults(u64);

impl Faults {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
