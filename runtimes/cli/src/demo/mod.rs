//! `mqtt demo`: what MQTT does when packets get lost, on real connections.

mod actor;
mod flows;
mod relay;
mod stage;

use std::{fs, time::Instant};

use mqtt_engine::{BrokerConfig, packet::ProtocolVersion};
use mqtt_engine_tokio::{Server, ServerConfig};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{failure::Failure, options::DemoOptions};
use stage::Stage;

pub(crate) async fn run(options: DemoOptions) -> Result<u8, Failure> {
    let began = Instant::now();
    let unable = |error| Failure::new(format!("no broker can be started on 127.0.0.1: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(unable)?;
    let address = listener.local_addr().map_err(unable)?;
    let mut config = BrokerConfig::new();
    // With aliases most packets would not name their topic.
    config.connection.outbound_topic_aliases = 0;
    let server = Server::new(config, (), ServerConfig::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        server
            .serve(vec![listener.into()], async {
                let _ = stopped.await;
            })
            .await
    });

    let mut stage = Stage::new(options.version, address);
    let name = if options.version == ProtocolVersion::V5 { "5.0" } else { "3.1.1" };
    stage.print(&format!(
        "MQTT {name} over TCP on this machine. Each client reaches the broker through a relay that shows every packet,\n\
         and cuts the connection where the story says so.\n"
    ));
    flows::all(&mut stage).await;
    drop(stop);
    // The broker has nobody left to wait for.
    let _ = serving.await;

    if let Some(path) = &options.dump {
        fs::write(path, stage.dump()).map_err(|error| {
            Failure::new(format!("{}: {error}", path.display())).advice("is the path (--dump) right?")
        })?;
    }
    match stage.failures() {
        0 => {
            let seconds = began.elapsed().as_secs_f64();
            stage.print(&format!("\nEvery flow holds ({} checks, {seconds:.1} s).\n", stage.checks()));
            Ok(0)
        }
        count => Err(Failure::new(format!("{count} check(s) do not hold"))),
    }
}
