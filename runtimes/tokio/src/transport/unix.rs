//! Unix sockets.

pub use mqtt_engine_driver::unix::MODE;

use crate::Tokio;

/// A connector to a socket in the file system: see [`mqtt_engine_driver::unix::Unix`].
pub type Unix = mqtt_engine_driver::unix::Unix<Tokio>;

/// A listening socket, and its file: see [`mqtt_engine_driver::unix::Bound`].
pub type Bound = mqtt_engine_driver::unix::Bound<Tokio>;
