//! Bytes on their way between clients and the broker.

use super::*;

impl World {
    /// What the client has to say goes on its way, or a part of it.
    pub(crate) fn write(&mut self, index: usize) {
        let person = &mut self.people[index];
        let Some(wire) = person.wire.and_then(|id| self.wires.get_mut(&id)) else { return };
        let outbox = person.client.outbox();
        let part = self.random.one_in(4);
        let count = if part { self.random.below(outbox.remaining() + 1) } else { outbox.remaining() };
        wire.up.extend(&outbox.copy_to_bytes(count));
        self.activity += count as u64;
    }

    pub(crate) fn upload_some(&mut self) {
        let ids: Vec<_> = self.wires.keys().copied().collect();
        if !ids.is_empty() {
            let (id, count) = (self.random.pick(&ids), self.random.below(2500));
            self.upload(id, count);
        }
    }

    /// Bytes arrive at the broker.
    pub(crate) fn upload(&mut self, id: ConnectionId, mut count: usize) {
        while count > 0 {
            let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.is_dead) else { return };
            let reads = wire.wish.is_some_and(|(_, wants_input)| wants_input);
            let piece: Vec<u8> = wire.up.drain(..if reads { wire.up.len().min(60) } else { 0 }).collect();
            if piece.is_empty() {
                break;
            }
            count = count.saturating_sub(piece.len());
            let mut input = &piece[..];
            self.broker.receive(id, &mut input, self.now);
            self.activity += (piece.len() - input.len()) as u64;
            let wire = self.wires.get_mut(&id).unwrap();
            input.iter().rev().for_each(|byte| wire.up.push_front(*byte));
            self.look(id);
            self.hear();
            self.watch();
        }
        let Some(wire) = self.wires.get(&id) else { return };
        // Nobody is there any more: the end arrives behind the last byte.
        let is_over = wire.wish.is_some_and(|(transport, _)| transport != Transport::Keep);
        if wire.owner.is_none() && (wire.up.is_empty() || is_over) {
            self.close(id);
        }
    }

    pub(crate) fn download_some(&mut self, index: usize) {
        let count = self.random.below(1000);
        self.download(index, count);
    }

    /// Bytes arrive at a client, which reads slowly: few are on their way.
    pub(crate) fn download(&mut self, index: usize, mut count: usize) {
        let Some(id) = self.people[index].wire else { return };
        loop {
            let wire = self.wires.get_mut(&id).unwrap();
            if wire.has_output && !wire.is_dead && wire.down.len() < 100 {
                let mut taken = self.broker.take_outbox(id);
                let most = 2 * self.config.connection.outbox_bytes + 4000;
                assert!(taken.remaining() <= most, "{} bytes in an outbox", taken.remaining());
                wire.has_output = taken.has_remaining();
                wire.down.extend(&taken.copy_to_bytes(taken.remaining()));
                self.look(id);
                self.hear();
            }
            let wire = self.wires.get_mut(&id).unwrap();
            let client = &mut self.people[index].client;
            let length = if client.wants_input() { wire.down.len().min(count).min(300) } else { 0 };
            if length == 0 {
                break;
            }
            let piece: Vec<u8> = wire.down.drain(..length).collect();
            let mut input = &piece[..];
            client.receive(&mut input, self.now);
            input.iter().rev().for_each(|byte| wire.down.push_front(*byte));
            self.activity += (length - input.len()) as u64;
            count -= length;
        }
        let wire = &self.wires[&id];
        let is_over = wire.wish.is_some_and(|(transport, _)| transport != Transport::Keep);
        if wire.down.is_empty() && (wire.is_dead || is_over && !wire.has_output) {
            self.people[index].wire = None;
            self.wires.get_mut(&id).unwrap().owner = None;
            if self.wires[&id].is_dead {
                self.wires.remove(&id);
            } else {
                self.close(id);
            }
            self.people[index].client.transport_closed(self.now);
        }
    }

    /// An adapter learns what the broker wants of a connection.
    pub(crate) fn look(&mut self, id: ConnectionId) {
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.is_dead) else { return };
        wire.has_output |= self.broker.outbox(id).is_some_and(|outbox| outbox.has_remaining());
        wire.wish = Some((self.broker.transport(id), self.broker.wants_input(id)));
    }
}
