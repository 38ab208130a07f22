//! Reading, keeping and passing on properties.

use alloc::{vec, vec::Vec};

use bytes::Bytes;

use super::{V5, encoded, packet};
use crate::{
    PayloadFormat, QoS, SubscriptionIdentifiers, UserProperties,
    packet::{Packet, Properties, Property, PropertyList, Publish},
};

const PUBLISH: Publish<'static> = Publish {
    duplicate: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "t",
    packet_id: None,
    properties: Properties::NONE,
    payload: b"",
};

#[test]
fn singletons_are_found_in_lists_and_decoded() {
    let list = [
        Property::UserProperty("topic alias", "9"),
        Property::TopicAlias(3),
        Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::CorrelationData(&[1]),
    ];
    let listed = Properties::new(&list);
    let frame = encoded(&Packet::Publish(Publish { properties: listed, ..PUBLISH }), V5).unwrap();
    let Ok(Packet::Publish(publish)) = Packet::decode(&frame, V5) else { panic!("a PUBLISH") };
    for properties in [listed, publish.properties] {
        assert_eq!(properties.topic_alias(), Some(3));
        assert_eq!(properties.payload_format_indicator(), Some(PayloadFormat::Utf8));
        assert_eq!(properties.correlation_data(), Some(&[1][..]));
        assert_eq!(properties.content_type(), None);
        assert_eq!(properties.iter().collect::<Vec<_>>(), list);
        assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("topic alias", "9")]);
        assert!(!properties.is_empty());
    }
    assert!(Properties::default().is_empty());
}

#[test]
fn a_message_is_passed_on_without_its_properties_being_taken_apart() {
    let mut user = UserProperties::new();
    user.extend([("a", "1"), ("b", "2")]).unwrap();
    let identifiers = SubscriptionIdentifiers::from_iter([1, 200]);
    let list = [Property::ContentType("text/plain")];
    let properties =
        Properties::new(&list).with_user_properties(&user).with_subscription_identifiers(&identifiers);
    let publish = Packet::Publish(Publish { properties, ..PUBLISH });
    let frame = encoded(&publish, V5).unwrap();
    let decoded = Packet::decode(&frame, V5).unwrap();
    assert_eq!(decoded, publish);
    let Packet::Publish(decoded) = decoded else { panic!("a PUBLISH") };
    assert_eq!(decoded.properties.user_properties().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    assert_eq!(decoded.properties.subscription_identifiers().collect::<Vec<_>>(), [1, 200]);
    assert_eq!(properties.subscription_identifier(), Some(1));

    // Decoded properties with more behind them are all there.
    let more = UserProperties::default();
    assert_eq!(decoded.properties.with_user_properties(&more), properties);
    assert_eq!(decoded.properties.with_user_properties(&user).user_properties().count(), 4);
}

/// What is kept of a packet is shared where the properties stand side by side, and else collected.
#[test]
fn kept_properties_are_shared_if_side_by_side() {
    for (properties, is_shared) in [
        ("26 00 01 \"a\" 00 01 \"1\" 26 00 01 \"b\" 00 00 03 00 01 \"c\" 0B 01 0B 80 01", true),
        ("0B 01 03 00 01 \"c\" 26 00 01 \"a\" 00 01 \"1\" 0B 80 01 26 00 01 \"b\" 00 00", false),
    ] {
        let length = super::bytes(properties).len();
        let frame = Bytes::from(packet(0x30, &alloc::format!("00 01 \"t\" {length:02x} {properties}")));
        let Ok(Packet::Publish(publish)) = Packet::decode(&frame, V5) else { panic!("a PUBLISH") };
        let user = publish.properties.to_user_properties(|part| frame.slice_ref(part));
        let identifiers = publish.properties.to_subscription_identifiers(|part| frame.slice_ref(part));
        assert_eq!(user.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "")]);
        assert_eq!(identifiers.iter().collect::<Vec<_>>(), [1, 128]);
        let range = frame.as_ptr_range();
        assert_eq!(range.contains(&user.as_wire().as_ptr()), is_shared);
        assert_eq!(range.contains(&identifiers.as_wire().as_ptr()), is_shared);
    }
    let list = [Property::UserProperty("a", "1"), Property::TopicAlias(1)];
    let mut more = UserProperties::new();
    more.push("b", "2").unwrap();
    let properties = Properties::new(&list).with_user_properties(&more);
    let kept = properties.to_user_properties(Bytes::copy_from_slice);
    assert_eq!(kept.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    assert!(Properties::NONE.to_user_properties(|_| panic!("nothing to share")).is_empty());
    assert!(properties.to_subscription_identifiers(|_| panic!("nothing to share")).is_empty());
}

#[test]
fn a_property_list_needs_no_heap() {
    let mut list = PropertyList::<3>::new();
    list.push(Property::ReceiveMaximum(1));
    list.push_some(None);
    list.push_some(Some(Property::TopicAliasMaximum(2)));
    assert_eq!(list.as_slice(), [Property::ReceiveMaximum(1), Property::TopicAliasMaximum(2)]);
    assert_eq!(Properties::new(list.as_slice()).receive_maximum(), Some(1));
    assert_eq!(PropertyList::<0>::default().as_slice(), vec![]);
}
