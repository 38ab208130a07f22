//! The near end of the UART, as `embedded-io` sees it.

use std::{cell::RefCell, fmt, future::poll_fn, rc::Rc, task::Poll};

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
use mqtt_engine::Timestamp;
use mqtt_engine_bare::{AsyncLine, Clock, Line};

use crate::site::{Module, Opening, Site};

pub type Shared = Rc<RefCell<Site>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Overrun,
    NoCarrier,
    NoAnswer,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Fault {}

impl embedded_io::Error for Fault {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// The UART.
#[derive(Clone)]
pub struct Uart(pub Shared);

impl Uart {
    /// Reads what there is; `None` for nothing.
    fn take(&self, buffer: &mut [u8]) -> Option<Result<usize, Fault>> {
        let mut site = self.0.borrow_mut();
        if std::mem::take(&mut site.read_fails) {
            return Some(Err(Fault::Overrun));
        }
        if site.down.is_empty() {
            return site.has_lost_carrier().then_some(Err(Fault::NoCarrier));
        }
        let count = buffer.len().min(site.piece).min(site.down.len());
        for (place, byte) in buffer.iter_mut().zip(site.down.drain(..count)) {
            *place = byte;
        }
        Some(Ok(count))
    }

    /// Takes what there is room for; `None` for nothing.
    fn give(&self, buffer: &[u8]) -> Option<Result<usize, Fault>> {
        let mut site = self.0.borrow_mut();
        if site.write_fails {
            return Some(Err(Fault::NoCarrier));
        }
        let count = buffer.len().min(site.piece).min(site.room - site.up.len());
        site.up.extend(&buffer[..count]);
        (count > 0).then_some(Ok(count))
    }
}

impl ErrorType for Uart {
    type Error = Fault;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Fault> {
        let site = self.0.borrow();
        Ok(site.read_fails || !site.down.is_empty() || site.has_lost_carrier())
    }
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.take(buffer).expect("this would block")
    }
}

impl WriteReady for Uart {
    fn write_ready(&mut self) -> Result<bool, Fault> {
        let site = self.0.borrow();
        Ok(site.write_fails || site.up.len() < site.room)
    }
}

impl Write for Uart {
    fn write(&mut self, buffer: &[u8]) -> Result<usize, Fault> {
        self.give(buffer).expect("this would block")
    }

    fn flush(&mut self) -> Result<(), Fault> {
        panic!("this would block");
    }
}

/// The UART with a modem.
pub struct Dialled(pub Uart);

impl Dialled {
    fn dial(&self) -> Poll<Result<(), Fault>> {
        let mut site = self.0.0.borrow_mut();
        assert_eq!(site.module, Module::Modem);
        match site.opening {
            Opening::Refused => return Poll::Ready(Err(Fault::NoAnswer)),
            Opening::Never => return Poll::Pending,
            Opening::After(1..) => {
                site.is_dialling = true;
                return Poll::Pending;
            }
            Opening::After(0) => site.dial(),
        }
        Poll::Ready(Ok(()))
    }
}

impl Line for Dialled {
    type Io = Uart;

    fn io(&mut self) -> &mut Uart {
        &mut self.0
    }

    fn poll_open(&mut self, _: Timestamp) -> Poll<Result<(), Fault>> {
        self.dial()
    }

    fn poll_close(&mut self, _: Timestamp) -> Poll<()> {
        self.0.0.borrow_mut().hang_up();
        Poll::Ready(())
    }
}

/// Half of the UART. The test polls again whenever anything may have changed, so nobody needs to be woken.
pub struct Half(pub Uart);

impl ErrorType for Half {
    type Error = Fault;
}

impl embedded_io_async::Read for Half {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        poll_fn(|_| self.0.take(buffer).map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl embedded_io_async::Write for Half {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Fault> {
        poll_fn(|_| self.0.give(buffer).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Ends once the module has taken all.
    async fn flush(&mut self) -> Result<(), Fault> {
        poll_fn(|_| if self.0.0.borrow().up.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }).await
    }
}

impl AsyncLine for Dialled {
    type Error = Fault;

    fn split(
        &mut self,
    ) -> (impl embedded_io_async::Read<Error = Fault>, impl embedded_io_async::Write<Error = Fault>) {
        (Half(self.0.clone()), Half(self.0.clone()))
    }

    async fn open(&mut self) -> Result<(), Fault> {
        poll_fn(|_| self.dial()).await
    }

    async fn close(&mut self) {
        self.0.0.borrow_mut().hang_up();
    }
}

/// The site's clock, which also notes until when somebody waits.
pub struct SiteClock {
    pub site: Shared,
    pub until: Option<Timestamp>,
}

impl Clock for SiteClock {
    fn now(&self) -> Timestamp {
        self.site.borrow().now
    }

    async fn wait_until(&mut self, moment: Timestamp) {
        if self.now() < moment {
            self.until = Some(moment);
            poll_fn(|_| if self.now() < moment { Poll::Pending } else { Poll::Ready(()) }).await;
        }
    }
}
