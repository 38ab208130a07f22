//! What passes between MQTT clients and servers, for people to read.
//!
//! - [`Ladder`]: packets between two parties as a drawing in text, or as a picture ([`Ladder::svg`]). A program can print its own
//!   traffic with it.
//! - [`Diary`]: everything that happens, a line each: packets in words and in bytes, events, deadlines and their reasons.
//! - [`script`]: a small language for flows. The machines of `mqtt-engine` play one part of it, in virtual time; the script
//!   plays the others, and the diary tells what happened.
//!
//! ```
//! use mqtt_engine_diary::{Ladder, Way};
//!
//! let mut ladder = Ladder::new("lamp", "broker");
//! ladder.bytes(Way::Right, &[0xC0, 0x00]);
//! ladder.bytes(Way::Left, &[0xD0, 0x00]);
//! assert!(ladder.to_string().contains("PINGRESP"));
//! ```
//!
//! A program draws its own traffic by wrapping the stream that it gives to an adapter:
//!
//! ```
//! use std::{io::{self, Read, Write}, net::TcpStream, sync::{Arc, Mutex}, time::Duration};
//!
//! use mqtt_engine::{ClientConfig, ClientEvent, Disconnect, Message, QoS, Text};
//! use mqtt_engine_blocking::{Client, Connector, Stream, Tcp};
//! use mqtt_engine_diary::{Ladder, Way};
//!
//! struct Drawn {
//!     stream: TcpStream,
//!     ladder: Arc<Mutex<Ladder>>,
//! }
//!
//! impl Read for Drawn {
//!     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
//!         let count = self.stream.read(buffer)?;
//!         self.ladder.lock().unwrap().bytes(Way::Left, &buffer[..count]);
//!         Ok(count)
//!     }
//! }
//!
//! impl Write for Drawn {
//!     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
//!         let count = self.stream.write(bytes)?;
//!         self.ladder.lock().unwrap().bytes(Way::Right, &bytes[..count]);
//!         Ok(count)
//!     }
//!
//!     fn flush(&mut self) -> io::Result<()> {
//!         self.stream.flush()
//!     }
//! }
//!
//! // What the adapter needs beside reading and writing.
//! impl Stream for Drawn {
//!     fn set_read_timeout(&mut self, timeout: Duration) -> io::Result<()> {
//!         Stream::set_read_timeout(&mut self.stream, timeout)
//!     }
//!
//!     fn set_write_timeout(&mut self, timeout: Duration) -> io::Result<()> {
//!         Stream::set_write_timeout(&mut self.stream, timeout)
//!     }
//!
//!     fn end_writing(&mut self) {
//!         self.stream.end_writing();
//!     }
//! }
//!
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let server = listener.local_addr()?.to_string();
//! # let peer = std::thread::spawn(move || -> io::Result<()> {
//! #     let (mut stream, _) = listener.accept()?;
//! #     for answer in [&[0x20, 3, 0, 0, 0][..], &[0x40, 2, 0, 1]] {
//! #         let _ = stream.read(&mut [0; 1024])?; // CONNECT, PUBLISH: each in one piece
//! #         stream.write_all(answer)?;
//! #     }
//! #     stream.read_to_end(&mut Vec::new())?;
//! #     Ok(())
//! # });
//! let ladder = Arc::new(Mutex::new(Ladder::new("lamp", "server")));
//! let drawn = Arc::clone(&ladder);
//! let mut tcp = Tcp::new(server);
//! let connector = move |within| Ok(Drawn { stream: tcp.connect(within)?, ladder: Arc::clone(&drawn) });
//! let mut client = Client::connect_with(connector, ClientConfig::new(Text::try_from("lamp")?));
//! client.publish(Message::new("led", "on")?.with_qos(QoS::AtLeastOnce))?;
//! client.disconnect(Disconnect::default(), Duration::from_secs(10)); // once its fate is known
//! println!("{}", ladder.lock().unwrap());
//! # peer.join().unwrap()?;
//! # let drawing = ladder.lock().unwrap().to_string();
//! # assert!(["CONNECT", "CONNACK", "PUBLISH", "PUBACK", "DISCONNECT"].iter().all(|word| drawing.contains(word)), "{drawing}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    reason = "it needs std, and shows what it has no words for as it is"
)]

mod diary;
pub mod frames;
mod ladder;
mod packets;
pub mod script;
mod svg;
pub mod words;

pub use diary::{Diary, Passage};
pub use ladder::{Ladder, Way};
pub use packets::{Packets, Seen};
