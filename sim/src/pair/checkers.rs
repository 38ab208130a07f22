//! The packet checkers of all parties, and the words for the ladder.

use mqtt_engine::packet::Packet;

use super::{World, observe::Point};
use crate::violation::Checked;

impl World<'_> {
    pub(super) fn link_opened(&mut self, _link: usize) {}
    pub(super) fn client_closed(&mut self, _link: usize) {}
    pub(super) fn server_closed(&mut self, _link: usize) {}
    pub(super) fn client_forgot(&mut self, _index: usize) {}
    pub(super) fn server_forgot(&mut self, _index: usize) {}
    pub(super) fn check_bytes(&mut self, _link: usize, _point: Point, _bytes: &[u8]) -> Checked {
        Ok(())
    }
    pub(super) fn note_packet(&mut self, link: usize, point: Point, packet: &Packet<'_>) {
        let person = self.links[link].person;
        self.trace.note(self.now, || format!("p{person}.{link} {point:?} {packet}"));
    }
    pub(super) fn lost_on_the_way(&mut self, _link: usize, _point: Point) {}
}
