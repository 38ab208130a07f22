//! Bugs of the kind that MQTT implementations have, as changes of the engine's source.

/// A bug: how it shows, and the lines that make it.
#[derive(Debug)]
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) edits: &'static [Edit],
}

/// One change: `from` stands exactly once in `file`.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

const OUTGOING: &str = "src/session/outgoing.rs";
const REPLAY: &str = "src/session/outgoing/replay.rs";
const RELEASED: &str = "src/session/outgoing/exactly_once.rs";
const INCOMING: &str = "src/session/incoming/exactly_once.rs";
const PACKET_IDS: &str = "src/session/packet_ids.rs";
const SESSION: &str = "src/session/mod.rs";
const HANDSHAKE: &str = "src/client/handshake.rs";
const RECONNECT: &str = "src/client/reconnect.rs";
const TIMERS: &str = "src/client/timers.rs";
const DEPARTURE: &str = "src/broker/departure.rs";
const ADMISSION: &str = "src/broker/admission.rs";
const REQUESTS: &str = "src/broker/requests.rs";
const SUBSCRIPTIONS: &str = "src/broker/subscriptions.rs";

/// So few packet identifiers that they are soon used again.
const FEW_IDENTIFIERS: Edit = Edit {
    file: PACKET_IDS,
    from: "self.next = id.get().checked_add(1).unwrap_or(1);",
    to: "self.next = id.get() % 8 + 1;",
};

pub(crate) const BUGS: &[Bug] = &[
    Bug {
        name: "dup-missing",
        summary: "a PUBLISH is resent without DUP",
        edits: &[Edit {
            file: REPLAY,
            from: "link.publish(&outbound.message, Some(sent.id), true, left(outbound.expires, now), outbox);",
            to: "link.publish(&outbound.message, Some(sent.id), false, left(outbound.expires, now), outbox);",
        }],
    },
    Bug {
        name: "id-reused-while-live",
        summary: "a packet identifier is given away again while its exchange lasts",
        edits: &[
            FEW_IDENTIFIERS,
            Edit { file: PACKET_IDS, from: "        self.used.insert(id);\n", to: "" },
        ],
    },
    Bug {
        name: "replay-in-id-order",
        summary: "after a wrap of the identifiers, a replay follows the identifiers, not the order of sending",
        edits: &[
            FEW_IDENTIFIERS,
            Edit {
                file: OUTGOING,
                from: "    pub(super) fn due_again(&self) -> Option<Replay> {\n",
                to: "    pub(super) fn due_again(&mut self) -> Option<Replay> {
        let mut all: Vec<(u64, Outbound)> = mem::take(&mut self.messages).into_entries().collect();
        let orders: Vec<u64> = all.iter().map(|(order, _)| *order).collect();
        all.sort_by_key(|(_, outbound)| match outbound.stage {
            Stage::Published(sent) => sent.id,
            Stage::Waiting { .. } => PacketId::MAX,
        });
        for (order, (_, outbound)) in orders.into_iter().zip(all) {
            if let Stage::Published(sent) = outbound.stage {
                self.by_id.insert(sent.id, order);
            }
            self.messages.insert(order, outbound);
        }
",
            },
        ],
    },
    Bug {
        name: "dedup-set-lost",
        summary: "the set of received QoS 2 identifiers is cleared by a reconnect",
        edits: &[Edit {
            file: INCOMING,
            from: "        for token in mem::take(&mut self.awaited) {",
            to: "        self.exchanges.clear();\n        for token in mem::take(&mut self.awaited) {",
        }],
    },
    Bug {
        name: "quota-not-reset",
        summary: "what was in flight before a reconnect still counts against the Receive Maximum after it",
        edits: &[Edit {
            file: SESSION,
            from: "        link.replay = self.outgoing.due_again();\n",
            to: "        link.replay = self.outgoing.due_again();
        let unfinished = u16::try_from(self.outgoing.count()).unwrap_or(u16::MAX);
        link.send_quota = link.send_quota.saturating_sub(unfinished);
",
        }],
    },
    Bug {
        name: "quota-freed-at-pubrec",
        summary: "the quota of a QoS 2 message is free again at PUBREC, not at PUBCOMP",
        edits: &[
            Edit {
                file: RELEASED,
                from: "sent: Sent { at: now, ..sent }",
                to: "sent: Sent { at: now, counted_in: 0, ..sent }",
            },
            Edit {
                file: RELEASED,
                from: "        link.await_answer(now);",
                to: "        if sent.counted_in == link.epoch {
            link.send_quota += 1;
        }
        link.await_answer(now);",
            },
        ],
    },
    Bug {
        name: "half-a-packet-kept",
        summary: "half a packet of the old connection stays in the client's decoder",
        edits: &[
            Edit {
                file: RECONNECT,
                from: "        drop(mem::replace(&mut self.wire, Wire::new(&self.config, self.now)));",
                to: "        let old = mem::replace(&mut self.wire, Wire::new(&self.config, self.now));
        self.wire.framing = old.framing;",
            },
            Edit {
                file: HANDSHAKE,
                from: "            self.wire = Wire::new(&self.config, self.now);\n            // In 5.0",
                to: "            let old = core::mem::replace(&mut self.wire, Wire::new(&self.config, self.now));
            self.wire.framing = old.framing;
            // In 5.0",
            },
        ],
    },
    Bug {
        name: "pubrel-not-resent",
        summary: "a PUBREL that got no PUBCOMP is not sent again",
        edits: &[Edit {
            file: REPLAY,
            from: "next.filter(|(order, _)| **order < replay.end)",
            to: "next.filter(|(order, _)| **order < replay.end.min(0))",
        }],
    },
    Bug {
        name: "publish-after-pubrec",
        summary: "a QoS 2 PUBLISH is sent again although its PUBREC has come",
        edits: &[
            Edit {
                file: OUTGOING,
                from: "                self.release(order, ack.reason, link, outbox, now);\n",
                to: "                link.answer(PacketType::PubRel, ack.packet_id, ReasonCode::Success, outbox);\n",
            },
            Edit {
                file: OUTGOING,
                from: "            (QoS::ExactlyOnce, PacketType::PubRec) if ack.reason.is_error() => {}",
                to: "            (QoS::ExactlyOnce, PacketType::PubComp) => {}
            (QoS::ExactlyOnce, PacketType::PubRec) if ack.reason.is_error() => {}",
            },
        ],
    },
    Bug {
        name: "stale-outbox",
        summary: "bytes that the old connection did not take go out on the new one",
        edits: &[
            Edit { file: RECONNECT, from: "        self.outbox.clear();\n        drop(mem::replace", to: "        drop(mem::replace" },
            Edit {
                file: HANDSHAKE,
                from: "            self.outbox.clear();\n            self.wire = Wire::new",
                to: "            self.wire = Wire::new",
            },
        ],
    },
    Bug {
        name: "takeover-keeps-the-old",
        summary: "a second CONNECT does not end the older connection, whose bytes still count",
        edits: &[Edit {
            file: ADMISSION,
            from: "                self.close_connection(older, ReasonCode::SessionTakenOver);",
            to: "                let _ = older;",
        }],
    },
    Bug {
        name: "will-after-goodbye",
        summary: "the will is published after a clean DISCONNECT",
        edits: &[Edit { file: DEPARTURE, from: "        if !publishes_will {", to: "        if false && !publishes_will {" }],
    },
    Bug {
        name: "keep-alive-doubled",
        summary: "the client pings after twice the keep alive",
        edits: &[Edit {
            file: TIMERS,
            from: "quiet_since + Duration::from_secs(wire.keep_alive.into())",
            to: "quiet_since + 2 * Duration::from_secs(wire.keep_alive.into())",
        }],
    },
    Bug {
        name: "keep-alive-by-receiving",
        summary: "received packets put the client's PINGREQ off",
        edits: &[Edit {
            file: TIMERS,
            from: "                    wire.last_sent.min(wire.last_received)",
            to: "                    wire.last_sent.max(wire.last_received)",
        }],
    },
    Bug {
        name: "queue-lost-at-resume",
        summary: "what was queued for a client that was away is dropped when it comes back",
        edits: &[Edit {
            file: ADMISSION,
            from: "            State::Away { session, .. } => Some((found, Some(*session))),",
            to: "            State::Away { mut session, .. } => {
                session.retain_queued(|_| false);
                Some((found, Some(*session)))
            }",
        }],
    },
    Bug {
        name: "expiry-stands-still",
        summary: "what is left of a message's expiry does not shrink while it waits in a queue",
        edits: &[Edit {
            file: OUTGOING,
            from: "link.publish(&self.message, id, false, left(self.expires, now), outbox);",
            to: "link.publish(&self.message, id, false, self.message.properties.message_expiry, outbox);",
        }],
    },
    Bug {
        name: "will-not-retained",
        summary: "a will that is to be retained is published without RETAIN",
        edits: &[Edit {
            file: DEPARTURE,
            from: "message: will.message,",
            to: "message: Message { retain: false, ..will.message },",
        }],
    },
    Bug {
        name: "retained-before-suback",
        summary: "retained messages overtake the SUBACK of their subscription",
        edits: &[Edit {
            file: REQUESTS,
            from: "        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.finish_subscribe_with(token, &reasons, words.as_ref(), self.now);
        }
        if let Some(stored) = self.sessions.get_mut(session) {
            with_retained.into_iter().for_each(|(filter, options)| stored.replay(filter, options));
        }
        self.replay_retained(session);
",
            to: "        if let Some(stored) = self.sessions.get_mut(session) {
            with_retained.into_iter().for_each(|(filter, options)| stored.replay(filter, options));
        }
        self.replay_retained(session);
        if let Some(peer) = self.connections.get_mut(key) {
            peer.connection.fill(self.now);
            peer.connection.finish_subscribe_with(token, &reasons, words.as_ref(), self.now);
        }
",
        }],
    },
    Bug {
        name: "route-kept-too-long",
        summary: "the receivers of a topic's last message get its next one, too, whoever subscribes by then",
        edits: &[Edit {
            file: SUBSCRIPTIONS,
            from: "if route.found_in == self.state && route.topic == topic {",
            to: "if route.found_in > 0 && route.topic == topic {",
        }],
    },
];
