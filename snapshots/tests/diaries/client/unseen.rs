//! What a flow passes over: many messages of which the diary has no more than a remark.

use core::ops::RangeInclusive;

use bytes::Buf;
use mqtt_engine_diary::script::{ClientDesk, ClientStage, puback, publish};

use crate::vocabulary::{QOS1, message};

/// As many messages, each acknowledged: these identifiers are used, and free again.
pub(super) fn acknowledged_messages(desk: &mut ClientDesk, ids: RangeInclusive<u16>) {
    let count = ids.len();
    for id in ids {
        publish_unseen(desk, id);
        let answer = puback(id).wire(desk.version());
        let (client, now) = desk.machine();
        client.receive(&mut &answer[..], now);
        assert!(client.poll_event().is_some(), "message {id} has met its fate");
    }
    desk.note(&format!("{count} messages later, each acknowledged"));
}

/// As many messages, none of them acknowledged: these identifiers are in use.
pub(super) fn unacknowledged_messages(desk: &mut ClientDesk, ids: RangeInclusive<u16>) {
    let count = ids.len();
    for id in ids {
        publish_unseen(desk, id);
    }
    desk.note(&format!("{count} messages later, none acknowledged"));
}

fn publish_unseen(desk: &mut ClientDesk, id: u16) {
    let expected = publish("a", "x").qos1(id).wire(desk.version());
    let (client, now) = desk.machine();
    assert!(client.publish(message("a", "x", QOS1), now).is_ok(), "there is room for message {id}");
    let outbox = client.outbox();
    assert_eq!(outbox.copy_to_bytes(outbox.remaining()), expected);
}
