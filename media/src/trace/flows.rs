//! The directions of all connections of a capture, no more than a number of them: those that were not heard of for long go.

use std::collections::HashMap;

use super::flow::Flow;
use super::packet::{Direction, Segment};
use super::{Place, Sink};

/// Directions of one generation; two are kept. A capture on an appliance has two for each of its few thousand viewers.
const GENERATION_MAX: usize = 16_384;
/// Bytes that wait in all of them for missing ones.
const HELD_BYTES_MAX: usize = 64 << 20;

/// The directions.
#[derive(Default)]
pub(super) struct Flows {
    /// Heard of since the last change of generations.
    young: HashMap<Direction, Flow>,
    /// Heard of in the generation before, and not since.
    old: HashMap<Direction, Flow>,
    held_bytes: usize,
}

impl Flows {
    /// Takes a segment; `bytes` are its payload, which stands at `place`.
    pub(super) fn push(&mut self, segment: &Segment, place: Place, bytes: &[u8], found: &mut Sink<'_>) {
        if !self.young.contains_key(&segment.direction) {
            let flow = self.old.remove(&segment.direction).unwrap_or_default();
            if self.young.len() >= GENERATION_MAX {
                self.forget_old(found);
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(segment.direction, flow);
        }
        let Some(flow) = self.young.get_mut(&segment.direction) else { return };
        self.held_bytes -= flow.held_bytes();
        flow.push(segment.sequence, segment.syn, place, bytes, found);
        if self.held_bytes + flow.held_bytes() > HELD_BYTES_MAX {
            flow.flush(found);
        }
        self.held_bytes += flow.held_bytes();
    }

    /// The capture is at its end: what is missing will not come.
    pub(super) fn end(&mut self, found: &mut Sink<'_>) {
        self.forget_old(found);
        self.old = std::mem::take(&mut self.young);
        self.forget_old(found);
    }

    fn forget_old(&mut self, found: &mut Sink<'_>) {
        let mut last: Vec<Flow> = self.old.drain().map(|(_, flow)| flow).filter(|flow| flow.held_bytes() > 0).collect();
        // The map has no order, and the same file is to give the same marks in the same order.
        last.sort_by_key(Flow::first_held);
        for mut flow in last {
            self.held_bytes -= flow.held_bytes();
            flow.flush(found);
        }
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.young.len() <= GENERATION_MAX && self.old.len() <= GENERATION_MAX);
        assert!(self.held_bytes <= HELD_BYTES_MAX);
        let flows = || self.young.values().chain(self.old.values());
        assert_eq!(self.held_bytes, flows().map(Flow::held_bytes).sum::<usize>());
        flows().for_each(Flow::check_invariants);
    }
}
