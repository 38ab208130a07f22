//! The flows. The numbers are those of the list that people know them by.

use bytes::BytesMut;
use mqtt_engine::{
    Message, QoS,
    packet::{Connect, Packet, PacketType, Properties, Publish},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use super::{
    actor::{Actor, Manner},
    relay::Relay,
    stage::Stage,
};
use crate::{
    decode::Direction::{self, ToClient, ToServer},
    failure::Failure,
};

const PASSING: Manner = Manner { keeps_session: false, gives_up: false, will: None };
const LASTING: Manner = Manner { keeps_session: true, gives_up: false, will: None };

/// Plays all of them; one that breaks off does not keep the others from being played.
pub(super) async fn all(stage: &mut Stage) {
    let result = remote_led(stage).await;
    note(stage, result);
    let result = mutual(stage).await;
    note(stage, result);
    lost_packets(stage).await;
    let result = last_words(stage).await;
    note(stage, result);
    let result = retained(stage).await;
    note(stage, result);
    let result = wildcards(stage).await;
    note(stage, result);
}

fn note(stage: &mut Stage, result: Result<(), Failure>) {
    if let Err(failure) = result {
        stage.broke_off(&failure);
    }
}

fn message(topic: &str, payload: &'static str, qos: QoS) -> Result<Message, Failure> {
    let message = Message::new(topic, payload).map_err(|error| Failure::new(format!("{topic}: {error}")))?;
    Ok(message.with_qos(qos))
}

/// Everybody says good-bye, and what passed is drawn.
async fn curtain(stage: &mut Stage, actors: Vec<Actor>) -> Result<(), Failure> {
    for mut actor in actors {
        actor.leave().await?;
        stage.draw(&actor.name, &actor.relay.transcript());
    }
    Ok(())
}

fn payloads(actor: &Actor) -> Vec<String> {
    actor
        .log()
        .received
        .iter()
        .map(|(message, _)| String::from_utf8_lossy(&message.payload).into_owned())
        .collect()
}

async fn remote_led(stage: &mut Stage) -> Result<(), Failure> {
    stage.begin("Flow 1: remote LED", "A device subscribes to `led`; an app publishes `on` there.");
    let device = stage.enter("device", &PASSING).await?;
    device.subscribe("led", QoS::AtMostOnce).await?;
    let app = stage.enter("app", &PASSING).await?;
    app.publish(message("led", "on", QoS::AtMostOnce)?).await?;
    device.receives(1).await?;
    let led = payloads(&device);
    curtain(stage, vec![device, app]).await?;
    stage.check(led == ["on"], "the device's LED is on: `on` was delivered once");
    Ok(())
}

async fn mutual(stage: &mut Stage) -> Result<(), Failure> {
    stage.begin(
        "Flow 2: mutual",
        "App and device each subscribe to their own topic, and publish to the other's. A third client has subscribed nowhere.",
    );
    let app = stage.enter("app", &PASSING).await?;
    let device = stage.enter("device", &PASSING).await?;
    let guest = stage.enter("guest", &PASSING).await?;
    app.subscribe("app_topic", QoS::AtLeastOnce).await?;
    device.subscribe("device_topic", QoS::AtLeastOnce).await?;
    app.publish(message("device_topic", "to the device", QoS::AtLeastOnce)?).await?;
    device.receives(1).await?;
    device.passed(PacketType::PubAck, ToServer, 1).await?;
    device.publish(message("app_topic", "to the app", QoS::AtLeastOnce)?).await?;
    app.receives(1).await?;
    app.passed(PacketType::PubAck, ToServer, 1).await?;
    let (to_app, to_device, to_guest) = (payloads(&app), payloads(&device), payloads(&guest));
    curtain(stage, vec![app, device, guest]).await?;
    stage.check(to_device == ["to the device"], "the device received the app's message, once");
    stage.check(to_app == ["to the app"], "the app received the device's message, once");
    stage.check(to_guest.is_empty(), "who has not subscribed received nothing");
    Ok(())
}

async fn lost_packets(stage: &mut Stage) {
    use PacketType::{PubAck, PubComp, PubRec, PubRel, Publish};
    let up = [
        (QoS::AtLeastOnce, Publish, ToServer, 1),
        (QoS::AtLeastOnce, PubAck, ToClient, 2),
        (QoS::ExactlyOnce, Publish, ToServer, 1),
        (QoS::ExactlyOnce, PubRec, ToClient, 1),
        (QoS::ExactlyOnce, PubRel, ToServer, 1),
        (QoS::ExactlyOnce, PubComp, ToClient, 1),
    ];
    for (qos, lost, way, times) in up {
        let result = lost_on_the_way_in(stage, qos, lost, way, times).await;
        note(stage, result);
    }
    let down = [
        (QoS::AtLeastOnce, Publish, ToClient, 1),
        (QoS::AtLeastOnce, PubAck, ToServer, 2),
        (QoS::ExactlyOnce, Publish, ToClient, 1),
        (QoS::ExactlyOnce, PubRec, ToServer, 1),
        (QoS::ExactlyOnce, PubRel, ToClient, 1),
        (QoS::ExactlyOnce, PubComp, ToServer, 1),
    ];
    for (qos, lost, way, times) in down {
        let result = lost_on_the_way_out(stage, qos, lost, way, times).await;
        note(stage, result);
    }
}

async fn lost_on_the_way_in(
    stage: &mut Stage,
    qos: QoS,
    lost: PacketType,
    way: Direction,
    times: usize,
) -> Result<(), Failure> {
    let level = qos as u8;
    stage.begin(
        &format!("Flow 4: lost {lost}, QoS {level}, publisher to broker"),
        &format!("The {lost} is lost, and the connection with it; the publisher connects again and goes on."),
    );
    let mut subscriber = stage.enter("subscriber", &PASSING).await?;
    subscriber.subscribe("news", qos).await?;
    let mut publisher = stage.enter(&format!("publisher-{level}-{lost}"), &LASTING).await?;
    publisher.relay.lose(way, lost);
    publisher.publish(message("news", "extra", qos)?).await?;
    subscriber.receives(times).await?;
    // Whatever were to come twice would come before this.
    publisher.publish(message("news", "end", qos)?).await?;
    subscriber.receives(times + 1).await?;
    let got = payloads(&subscriber);
    publisher.leave().await?;
    subscriber.leave().await?;
    stage.draw("publisher", &publisher.relay.transcript());
    delivered(stage, &got, qos, times);
    Ok(())
}

async fn lost_on_the_way_out(
    stage: &mut Stage,
    qos: QoS,
    lost: PacketType,
    way: Direction,
    times: usize,
) -> Result<(), Failure> {
    let level = qos as u8;
    stage.begin(
        &format!("Flow 4: lost {lost}, QoS {level}, broker to subscriber"),
        &format!("The {lost} is lost, and the connection with it; the subscriber connects again and the broker goes on."),
    );
    let mut subscriber = stage.enter(&format!("subscriber-{level}-{lost}"), &LASTING).await?;
    subscriber.subscribe("news", qos).await?;
    let mut publisher = stage.enter("publisher", &PASSING).await?;
    subscriber.relay.lose(way, lost);
    publisher.publish(message("news", "extra", qos)?).await?;
    subscriber.until("is connected again", |log| log.connected > 1).await?;
    subscriber.receives(times).await?;
    // The exchange of the first message ends before the second one is published, so that the picture is always the same.
    let last = if qos == QoS::ExactlyOnce { PacketType::PubComp } else { PacketType::PubAck };
    let ends = if lost == last { 2 } else { 1 };
    subscriber.passed(last, ToServer, ends).await?;
    publisher.publish(message("news", "end", qos)?).await?;
    subscriber.receives(times + 1).await?;
    subscriber.passed(last, ToServer, ends + 1).await?;
    let got = payloads(&subscriber);
    publisher.leave().await?;
    subscriber.leave().await?;
    stage.draw("subscriber", &subscriber.relay.transcript());
    delivered(stage, &got, qos, times);
    Ok(())
}

fn delivered(stage: &mut Stage, got: &[String], qos: QoS, times: usize) {
    let count = got.iter().filter(|payload| *payload == "extra").count();
    let promise = match qos {
        QoS::AtMostOnce => "at most once",
        QoS::AtLeastOnce => "at least once",
        QoS::ExactlyOnce => "exactly once",
    };
    let in_words = if count == 1 { String::from("once") } else { format!("{count} times") };
    stage.check(
        count == times,
        &format!("promised {promise}: the subscriber received the message {in_words}"),
    );
    stage.check(got.last().is_some_and(|payload| payload == "end"), "the next message came behind it");
}

async fn last_words(stage: &mut Stage) -> Result<(), Failure> {
    stage.begin(
        "Flow 6: last words",
        "Two devices leave a will. One vanishes, the other says DISCONNECT; a watcher listens for wills.",
    );
    let watcher = stage.enter("watcher", &PASSING).await?;
    watcher.subscribe("will/+", QoS::AtMostOnce).await?;
    let manner = |topic| {
        message(topic, "gone", QoS::AtMostOnce).map(|will| Manner {
            gives_up: true,
            will: Some(will),
            ..PASSING
        })
    };
    let vanishing = stage.enter("vanishing", &manner("will/vanishing")?).await?;
    let polite = stage.enter("polite", &manner("will/polite")?).await?;
    let mut leaving = polite;
    leaving.leave().await?;
    vanishing.relay.cut();
    watcher.receives(1).await?;
    // Whatever else were to come would come before this.
    watcher.subscribe("end", QoS::AtMostOnce).await?;
    let heard: Vec<_> = watcher.log().received.iter().map(|(message, _)| message.topic.to_string()).collect();
    curtain(stage, vec![vanishing, leaving, watcher]).await?;
    stage.check(heard == ["will/vanishing"], "the will of the one that vanished was published, and no other");
    Ok(())
}

async fn retained(stage: &mut Stage) -> Result<(), Failure> {
    stage.begin(
        "Flow 7: retained",
        "A message is published with RETAIN while one client is subscribed; another subscribes later.",
    );
    let live = stage.enter("live", &PASSING).await?;
    live.subscribe("state", QoS::AtMostOnce).await?;
    let app = stage.enter("app", &PASSING).await?;
    app.publish(message("state", "21.5", QoS::AtLeastOnce)?.retained()).await?;
    live.receives(1).await?;
    let late = stage.enter("late", &PASSING).await?;
    late.subscribe("state", QoS::AtMostOnce).await?;
    late.receives(1).await?;
    let flags =
        |actor: &Actor| actor.log().received.iter().map(|(message, _)| message.retain).collect::<Vec<_>>();
    let (to_live, to_late) = (flags(&live), flags(&late));
    // Leaves nothing behind.
    app.publish(message("state", "", QoS::AtLeastOnce)?.retained()).await?;
    live.receives(2).await?;
    late.receives(2).await?;
    curtain(stage, vec![app, live, late]).await?;
    stage.check(to_late == [true], "the new subscriber received it at once, with the RETAIN flag");
    stage.check(to_live == [false], "the live subscriber received it without the flag");
    Ok(())
}

async fn wildcards(stage: &mut Stage) -> Result<(), Failure> {
    stage.begin(
        "Flow 8: wildcards",
        "One client subscribes to `a/+/c`, one to `a/#`; a message is published to `a/b/c`. Then somebody publishes to `a/+/c`.",
    );
    let plus = stage.enter("plus", &PASSING).await?;
    plus.subscribe("a/+/c", QoS::AtMostOnce).await?;
    let hash = stage.enter("hash", &PASSING).await?;
    hash.subscribe("a/#", QoS::AtMostOnce).await?;
    let app = stage.enter("app", &PASSING).await?;
    app.publish(message("a/b/c", "both", QoS::AtMostOnce)?).await?;
    plus.receives(1).await?;
    hash.receives(1).await?;
    let intruder = intrude(stage).await?;
    // Whatever came of it would come before this.
    app.publish(message("a/b/c", "end", QoS::AtMostOnce)?).await?;
    plus.receives(2).await?;
    hash.receives(2).await?;
    let (to_plus, to_hash) = (payloads(&plus), payloads(&hash));
    curtain(stage, vec![plus, hash, app]).await?;
    stage.draw("intruder", &intruder.0);
    stage.check(
        to_plus == ["both", "end"] && to_hash == ["both", "end"],
        "both filters match `a/b/c`, each once",
    );
    stage.check(
        message("a/+/c", "", QoS::AtMostOnce).is_err(),
        "our own client does not publish to `a/+/c` at all",
    );
    stage.check(intruder.1, "the broker closed the connection of the one that did");
    Ok(())
}

/// Publishes to a name with a wildcard over a plain connection; tells what passed, and whether the broker closed it.
async fn intrude(stage: &Stage) -> Result<(Vec<super::relay::Passed>, bool), Failure> {
    let (relay, address) =
        Relay::start(stage.broker).await.map_err(|error| Failure::new(error.to_string()))?;
    let mut wire = BytesMut::new();
    let connect = Connect {
        version: stage.version,
        clean_start: true,
        keep_alive: 60,
        client_id: "intruder",
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    };
    let publish = Publish {
        duplicate: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "a/b/c",
        packet_id: None,
        properties: Properties::NONE,
        payload: b"intruder",
    };
    let write = |packet: Packet<'_>, wire: &mut BytesMut| {
        packet.encode(stage.version, wire).map_err(|error| Failure::new(error.to_string()))
    };
    write(Packet::Connect(connect), &mut wire)?;
    let start = wire.len();
    write(Packet::Publish(publish), &mut wire)?;
    // Our encoder refuses such a name, so the middle level is changed behind its back: header 2, length 2, `a/`.
    if let Some(byte) = wire.get_mut(start + 6) {
        *byte = b'+';
    }
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let (first, second) = wire.split_at(start);
        stream.write_all(first).await?;
        let mut answer = [0; 64];
        stream.read_exact(&mut answer[..1]).await?;
        stream.write_all(second).await?;
        while stream.read(&mut answer).await? > 0 {}
        std::io::Result::Ok(())
    };
    let closed = matches!(timeout(Duration::from_secs(10), exchange).await, Ok(Ok(())));
    Ok((relay.transcript(), closed))
}
