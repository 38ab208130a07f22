//! One engine, many drivers (S86): the flows of `tests/diaries` that need nothing but a stage are played by the real adapters over
//! real sockets, each step beside a machine at the desk, whose diary is compared with its file in `tests/diaries`. Packets, byte for
//! byte and in order, and events must be the same.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test says what went wrong by panicking"
)]
// A list of flows is read one by one.
#![recursion_limit = "512"]

mod asynchronous;
mod bare_clients;
mod beside_broker;
mod beside_client;
mod blocking_adapters;
mod watcher;
mod wire;

#[allow(dead_code, reason = "flows that need a desk are not played here")]
#[path = "../diaries/broker/mod.rs"]
mod broker;
#[allow(dead_code, reason = "flows that need a desk are not played here")]
#[path = "../diaries/client/mod.rs"]
mod client;
#[allow(dead_code, reason = "it is for all flows")]
#[path = "../diaries/vocabulary.rs"]
mod vocabulary;

use asynchronous::{AsynchronousClient, AsynchronousServer, OnSmol, OnTokio};
use bare_clients::{AwaitedClient, SuperloopClient};
use blocking_adapters::{BlockingClient, BlockingServer};
use mqtt_engine::{BrokerConfig, ClientConfig};
use mqtt_engine_diary::{
    Diary,
    script::{BrokerStage, ClientStage},
};

/// Every adapter with a client; one that is added is added here.
fn on_every_client(config: ClientConfig, flow: impl Fn(&mut dyn ClientStage)) -> Diary {
    beside_client::play::<AsynchronousClient<OnTokio>>(&config, &flow);
    beside_client::play::<AsynchronousClient<OnSmol>>(&config, &flow);
    beside_client::play::<SuperloopClient>(&config, &flow);
    beside_client::play::<AwaitedClient>(&config, &flow);
    beside_client::play::<BlockingClient>(&config, &flow)
}

/// Every adapter with a broker.
fn on_every_broker(config: BrokerConfig, flow: impl Fn(&mut dyn BrokerStage)) -> Diary {
    beside_broker::play::<AsynchronousServer<OnTokio>>(&config, &flow);
    beside_broker::play::<AsynchronousServer<OnSmol>>(&config, &flow);
    beside_broker::play::<BlockingServer>(&config, &flow)
}

/// Reads the lists of flows in another way than `tests/diaries` does: flows that play on any stage are tests, the others are only
/// compiled.
macro_rules! diaries {
    ($folder:literal; $($flows:tt)+) => {
        pub(crate) const FILES: &[&str] = &[];
        $crate::diaries! { @each $($flows)+ }
    };
    (@each $(#[$attribute:meta])* $name:ident => play($($how:tt)*); $($rest:tt)*) => {
        $crate::diaries! { @test $name play($($how)*) }
        $crate::diaries! { @each $($rest)* }
    };
    (@each $(#[$attribute:meta])* $name:ident => play_v5($($how:tt)*); $($rest:tt)*) => {
        $crate::diaries! { @test $name play_v5($($how)*) }
        $crate::diaries! { @each $($rest)* }
    };
    (@each $(#[$attribute:meta])* $name:ident => on_every_client($($how:tt)*); $($rest:tt)*) => {
        $crate::diaries! { @test $name on_every_client($($how)*) }
        $crate::diaries! { @each $($rest)* }
    };
    (@each $(#[$attribute:meta])* $name:ident => on_every_broker($($how:tt)*); $($rest:tt)*) => {
        $crate::diaries! { @test $name on_every_broker($($how)*) }
        $crate::diaries! { @each $($rest)* }
    };
    (@each $(#[$attribute:meta])* $name:ident => $play:expr; $($rest:tt)*) => {
        fn $name() -> mqtt_engine_diary::Diary {
            $play
        }
        $crate::diaries! { @each $($rest)* }
    };
    (@each) => {};
    (@test $name:ident $play:expr) => {
        #[test]
        fn $name() {
            let _compared = $play;
        }
    };
}
pub(crate) use diaries;
