//! Bytes on their way, moved as adapters move them.

use bytes::{Buf, Bytes};
use mqtt_engine::{ConnectionId, QoS, Timestamp, Transport};

use super::{
    World,
    observe::Point,
    pipe::Link,
    schedule::{Cut, Way},
};
use crate::{
    coverage::Row,
    reference::Source,
    violation::{Checked, ensure},
};

impl World<'_> {
    /// The connection that the broker knows by this name.
    pub(super) fn link_of(&self, id: ConnectionId) -> Option<usize> {
        self.links.iter().rposition(|link| link.id == id && link.broker_open)
    }

    /// A transport is opened for a client that wants one.
    pub(super) fn open(&mut self, index: usize) -> Checked {
        let now = self.clock();
        let Ok(id) = self.broker.accept(now) else {
            self.count(Row::NoCapacity);
            self.people[index].client.transport_closed(now);
            return Ok(());
        };
        self.activity += 1;
        let is_second = self.links.iter().any(|link| link.person == index && link.broker_open);
        self.count_if(is_second, Row::TwoConnections);
        let person = &mut self.people[index];
        let wish = (self.broker.transport(id), self.broker.wants_input(id));
        let link = Link::new(index, person.incarnation, person.config.version, id, wish, self.now);
        person.link = Some(self.links.len());
        self.links.push(link);
        self.link_opened(self.links.len() - 1);
        self.people[index].client.transport_opened(now);
        self.tell_client(index);
        self.after_broker_alone()
    }

    pub(super) fn upload_some(
        &mut self,
        index: usize,
        older: bool,
        write: usize,
        arrive: usize,
        piece: usize,
    ) -> Checked {
        self.flush(index, write)?;
        let old = |link: &Link| link.person == index && link.broker_open && !link.client_open;
        let older = self.links.iter().position(old).filter(|_| older);
        match older.or(self.people[index].link) {
            Some(link) => {
                self.upload(link, arrive, piece)?;
                self.tend(link)
            }
            None => Ok(()),
        }
    }

    pub(super) fn download_some(
        &mut self,
        index: usize,
        older: bool,
        whole: bool,
        arrive: usize,
        piece: usize,
    ) -> Checked {
        let old = |link: &Link| link.person == index && link.broker_open && !link.client_open;
        if let Some(link) = self.links.iter().position(old).filter(|_| older) {
            // The broker's adapter writes to nobody.
            self.serve(link, whole)?;
            return self.tend(link);
        }
        match self.people[index].link {
            Some(link) => {
                self.download(link, whole, arrive, piece)?;
                self.tend(link)
            }
            None => Ok(()),
        }
    }

    /// What the client has to say goes on its way, or a part of it.
    pub(super) fn flush(&mut self, index: usize, count: usize) -> Checked {
        self.tell_client(index);
        let person = &mut self.people[index];
        let Some(link) = person.link.filter(|link| !self.links[*link].up.stands) else { return Ok(()) };
        let outbox = person.client.outbox();
        let count = count.min(outbox.remaining());
        if count == 0 {
            return Ok(());
        }
        let bytes = outbox.copy_to_bytes(count);
        self.checkers[index].told -= count;
        person.last_written = Some(self.now);
        self.activity += count as u64;
        if !self.links[link].up.has_end {
            self.links[link].up.bytes.extend_from_slice(&bytes);
            self.observe(link, Point::ClientWrites, &bytes)?;
        }
        Ok(())
    }

    /// Bytes arrive at the broker.
    pub(super) fn upload(&mut self, link: usize, mut count: usize, piece: usize) -> Checked {
        while count > 0 && self.links[link].broker_open {
            let Link { up, wish, id, person, generation, .. } = &self.links[link];
            let id = *id;
            let publisher = Some((*person, *generation));
            let length = up.readable().min(count).min(piece);
            if length == 0 || !wish.1 && wish.0 == Transport::Keep {
                break;
            }
            let is_heard = self.broker.transport(id) == Transport::Keep;
            let mut input = Bytes::copy_from_slice(&up.bytes[..length]);
            let whole = input.clone();
            let now = self.clock();
            self.broker.receive(id, &mut input, now);
            let taken = length - input.remaining();
            self.links[link].up.advance(taken);
            self.activity += taken as u64;
            count -= taken;
            self.watch();
            if is_heard {
                self.observe(link, Point::BrokerReads, &whole[..taken])?;
            }
            self.look(link);
            self.after_broker(Source { publisher, qos: QoS::AtMostOnce })?;
            if self.links[link].up.cut_at == Some(0) {
                return self.cut_here(link);
            }
            if taken < length {
                break;
            }
        }
        Ok(())
    }

    /// The broker's adapter writes what waits for a client, unless enough is on its way: all, or what the window takes.
    pub(super) fn serve(&mut self, link: usize, whole: bool) -> Checked {
        let Link { down, has_output, broker_open, id, .. } = &self.links[link];
        let room = self.setup.window.saturating_sub(down.bytes.len());
        if !has_output || !broker_open || room == 0 || down.stands {
            return Ok(());
        }
        let id = *id;
        let bytes = if whole {
            let mut taken = self.broker.take_outbox(id);
            taken.copy_to_bytes(taken.remaining())
        } else if let Some(outbox) = self.broker.outbox(id) {
            outbox.copy_to_bytes(room.min(outbox.remaining()))
        } else {
            Bytes::new()
        };
        self.taken_from_server(link, &bytes);
        let most = 2 * self.config.connection.outbox_bytes + 4000;
        ensure!(bytes.len() <= most, "bound of an outbox", "{} bytes", bytes.len());
        let is_mute = self.links[link].down.has_end;
        self.links[link].has_output = !bytes.is_empty();
        if !is_mute {
            self.links[link].down.bytes.extend_from_slice(&bytes);
            self.observe(link, Point::BrokerWrites, &bytes)?;
        }
        self.activity += bytes.len() as u64;
        self.look(link);
        self.after_broker_alone()
    }

    /// Bytes arrive at a client.
    pub(super) fn download(&mut self, link: usize, whole: bool, mut count: usize, piece: usize) -> Checked {
        loop {
            self.serve(link, whole)?;
            let index = self.links[link].person;
            if !self.links[link].client_open {
                return Ok(());
            }
            let length = self.links[link].down.readable().min(count).min(piece);
            let wants_input = self.people[index].client.wants_input();
            self.count_if(length > 0 && !wants_input, Row::InputPaused);
            if length == 0 || !wants_input {
                return Ok(());
            }
            let whole = Bytes::copy_from_slice(&self.links[link].down.bytes[..length]);
            let mut input = whole.clone();
            let now = self.clock();
            self.people[index].client.receive(&mut input, now);
            let taken = length - input.remaining();
            self.links[link].down.advance(taken);
            self.activity += taken as u64;
            count -= taken;
            self.observe(link, Point::ClientReads, &whole[..taken])?;
            self.tell_client(index);
            if self.links[link].down.cut_at == Some(0) {
                return self.cut_here(link);
            }
            if taken == 0 {
                return Ok(());
            }
        }
    }

    /// Each end closes its transport when there is nothing more to do.
    pub(super) fn tend(&mut self, link: usize) -> Checked {
        let Link { up, wish, has_output, broker_open, .. } = &self.links[link];
        if *broker_open && (up.is_over() || wish.0 != Transport::Keep && !has_output) {
            self.broker_closes(link)?;
        }
        let Link { down, client_open, person, .. } = &self.links[link];
        let client = &mut self.people[*person].client;
        let has_finished =
            client.transport() == Transport::FlushThenClose && !client.outbox().has_remaining();
        if *client_open && (down.is_over() || has_finished) {
            self.client_closes(link);
        }
        Ok(())
    }

    /// The broker's end is gone; what it has written arrives yet.
    pub(super) fn broker_closes(&mut self, link: usize) -> Checked {
        self.pipe_ends(link, Way::Up);
        let now = self.clock();
        let id = self.links[link].id;
        self.broker.transport_closed(id, now);
        self.links[link].down.has_end = true;
        self.server_closed(link);
        self.after_broker_alone()?;
        self.links[link].broker_open = false;
        Ok(())
    }

    /// The client's end is gone; what it has written arrives yet.
    pub(super) fn client_closes(&mut self, link: usize) {
        self.pipe_ends(link, Way::Down);
        let now = self.clock();
        let person = &mut self.people[self.links[link].person];
        person.link = None;
        person.last_written = None;
        person.client.transport_closed(now);
        self.links[link].client_open = false;
        self.links[link].up.has_end = true;
        self.client_closed(link);
    }

    /// The client closes its transport.
    pub(super) fn hang_up(&mut self, index: usize) -> Checked {
        if let Some(link) = self.people[index].link {
            self.cut_link(link, Cut::ClientFirst(u16::MAX))?;
        } else {
            let now: Timestamp = self.clock();
            self.people[index].client.transport_closed(now);
        }
        Ok(())
    }

    /// An adapter learns what the broker wants of a connection.
    pub(super) fn look(&mut self, link: usize) {
        let one = &mut self.links[link];
        if one.broker_open {
            one.has_output |= self.broker.outbox(one.id).is_some_and(|outbox| outbox.has_remaining());
            one.wish = (self.broker.transport(one.id), self.broker.wants_input(one.id));
            self.tell_server(link);
        }
    }

    /// The contract of `poll_ready`: who is not told of a change has missed none.
    pub(super) fn check_wakes(&mut self) -> Checked {
        for link in self.links.iter().filter(|link| link.broker_open) {
            let wish = (self.broker.transport(link.id), self.broker.wants_input(link.id));
            ensure!(
                link.wish == wish,
                "ready",
                "p{}: {:?} became {wish:?}, and nobody was told",
                link.person,
                link.wish
            );
            if !link.has_output {
                let waits = self.broker.outbox(link.id).is_some_and(|outbox| outbox.has_remaining());
                ensure!(!waits, "ready", "p{} has output, and nobody was told", link.person);
            }
        }
        Ok(())
    }
}
