//! What clients do with a broker, one after the other.

use arbitrary::{Result, Unstructured};
use mqtt_engine_sim::pair::{
    BrokerSetup, ClientSetup, Setup, Step, WillSetup,
    schedule::{Cut, Timers, Way},
};

use crate::conversation::come_to_rest;

/// What more of them would find, fewer find sooner.
const MOST_STEPS: usize = 500;

/// Up to five clients connect, subscribe, publish, acknowledge, leave, vanish and take their sessions over, one operation after
/// the other on a network that works; what the broker does then is what the simulator's model says.
pub fn broker_operations(bytes: &[u8]) {
    // The bytes end with an operation that is not whole.
    if let Ok((setup, steps)) = draw(&mut Unstructured::new(bytes)) {
        come_to_rest(&setup, &steps);
    }
}

fn draw(choices: &mut Unstructured<'_>) -> Result<(Setup, Vec<Step>)> {
    let setup = setup(choices)?;
    let mut steps: Vec<_> = (0..).take(setup.clients.len()).map(|client| Step::Connect { client }).collect();
    steps.push(Step::Round);
    while !choices.is_empty() && steps.len() < MOST_STEPS {
        operation(choices, &mut steps)?;
        // What comes next is mostly done when all have heard of this.
        if choices.ratio(7, 8)? {
            steps.push(Step::Round);
        }
    }
    Ok((setup, steps))
}

fn setup(choices: &mut Unstructured<'_>) -> Result<Setup> {
    let count = choices.int_in_range(1..=5)?;
    let clients = (0..count).map(|_| client(choices)).collect::<Result<_>>()?;
    Ok(Setup { broker: broker(choices)?, clients, ..Setup::plain(count) })
}

fn broker(choices: &mut Unstructured<'_>) -> Result<BrokerSetup> {
    Ok(BrokerSetup {
        inflight_maximum: *choices.choose(&[64, 1])?,
        outbound_topic_aliases: *choices.choose(&[16, 0])?,
        queue_count: *choices.choose(&[1000, 12])?,
        queue_qos0: choices.arbitrary()?,
        session_expiry_maximum: *choices.choose(&[u32::MAX, 3])?,
        subscriptions_per_session: *choices.choose(&[1000, 4])?,
        retained_count: *choices.choose(&[1000, 3])?,
        retained_bytes: *choices.choose(&[1 << 20, 1500])?,
        ask_authentication: choices.arbitrary()?,
        ask_publish: choices.arbitrary()?,
        ask_subscribe: choices.arbitrary()?,
        ..BrokerSetup::PLAIN
    })
}

fn client(choices: &mut Unstructured<'_>) -> Result<ClientSetup> {
    let is_v5 = choices.arbitrary()?;
    let lasts = choices.ratio(3, 4)?;
    let session_expiry = if is_v5 && lasts { *choices.choose(&[u32::MAX, 2, 30])? } else { 0 };
    Ok(ClientSetup {
        is_v5,
        clean_start: !lasts,
        session_expiry,
        receive_maximum: *choices.choose(&[64, 1, 3])?,
        maximum_packet_size: *choices.choose(&[1 << 20, 120])?,
        topic_aliases: *choices.choose(&[0, 16])?,
        is_manual: choices.arbitrary()?,
        republishes: choices.arbitrary()?,
        resubscribes: choices.arbitrary()?,
        will: if choices.arbitrary()? { Some(will(is_v5, choices)?) } else { None },
        ..ClientSetup::PLAIN
    })
}

fn will(is_v5: bool, choices: &mut Unstructured<'_>) -> Result<WillSetup> {
    Ok(WillSetup {
        qos: choices.int_in_range(0..=2)?,
        retain: choices.arbitrary()?,
        delay_seconds: if is_v5 { *choices.choose(&[0, 1, 5])? } else { 0 },
    })
}

/// One operation, of one step or of a few.
fn operation(choices: &mut Unstructured<'_>, steps: &mut Vec<Step>) -> Result<()> {
    let client = choices.int_in_range(0..=4)?;
    match choices.int_in_range(0..=15)? {
        0..=3 => steps.push(publish(client, choices)?),
        4 | 5 => steps.push(Step::Subscribe {
            client,
            filter: choices.int_in_range(0..=31)?,
            count: choices.int_in_range(1..=4)?,
            qos: choices.int_in_range(0..=2)?,
            options: choices.int_in_range(0..=11)?,
            identifier: choices.int_in_range(0..=3)?,
        }),
        6 => steps.push(Step::Unsubscribe { client, filter: choices.int_in_range(0..=31)? }),
        7 => steps.push(Step::Acknowledge {
            client,
            place: choices.int_in_range(0..=7)?,
            refuses: choices.arbitrary()?,
        }),
        8 => steps.push(Step::Connect { client }),
        9 => steps.push(Step::Leave { client, with_will: choices.arbitrary()? }),
        10 => steps.push(Step::Cut {
            client,
            cut: *choices.choose(&[Cut::Clean, Cut::Reset(0), Cut::BrokerFirst(u16::MAX)])?,
        }),
        11 => steps.extend([
            // The broker hears nothing of the end before it hears of the new connection.
            Step::Stall { client, way: Way::Up, stands: true },
            Step::Cut { client, cut: Cut::ClientFirst(u16::MAX) },
            Step::Connect { client },
        ]),
        12 => {
            let (clean, receive_maximum) = (choices.arbitrary()?, *choices.choose(&[64, 1, 3])?);
            steps.extend([Step::RestartClient { client, clean, receive_maximum }, Step::Connect { client }]);
        }
        13 => steps.push(Step::Pass { millis: choices.int_in_range(1..=8000)?, timers: Timers::OnTime }),
        14 => steps.push(Step::OwnPublish {
            topic: choices.arbitrary()?,
            qos: choices.int_in_range(0..=2)?,
            retain: choices.arbitrary()?,
        }),
        _ => steps.push(*choices.choose(&[
            // A subscriber reads nothing, or again.
            Step::Stall { client, way: Way::Down, stands: true },
            Step::Stall { client, way: Way::Down, stands: false },
            Step::Dismiss { client },
            Step::RestartBroker,
        ])?),
    }
    Ok(())
}

fn publish(client: u8, choices: &mut Unstructured<'_>) -> Result<Step> {
    Ok(Step::Publish {
        client,
        topic: choices.arbitrary()?,
        qos: choices.int_in_range(0..=2)?,
        retain: choices.arbitrary()?,
        // `u16::MAX` is an empty message.
        size: *choices.choose(&[3, 0, u16::MAX, 100, 1400])?,
        expiry: *choices.choose(&[0, 0, 1, 6])?,
    })
}
