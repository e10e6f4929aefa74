//! What a viewer's WebRTC session wants sent, handed to the kernel: packets of full length in a row leave in one call (UDP
//! segmentation offload), all calls of a turn as one batch.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;

use str0m::net::Transmit;
use uring::{Engine, Errno, Message, Outcome};

use super::metrics::Metrics;
use super::port::{Port, SEGMENT_BYTES};

/// Packets of a run: the kernel takes 64, and 64 KiB.
const RUN_MAX: usize = 50;

/// What was not sent yet; empty between turns.
#[derive(Default)]
pub(super) struct Outbound {
    datagrams: Vec<Transmit>,
    outcomes: Vec<Outcome>,
}

impl Outbound {
    pub(super) fn push(&mut self, datagram: Transmit) {
        self.datagrams.push(datagram);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes of media among them.
    pub(super) fn media_bytes(&self) -> u64 {
        self.datagrams.iter().filter(|datagram| is_media(datagram)).map(|datagram| datagram.contents.len() as u64).sum()
    }

    /// Sends all. What the kernel does not take is lost, as on any network: the viewer asks for it again.
    pub(super) fn send(&mut self, port: &Port, engine: &mut Engine, metrics: &Metrics) {
        let slices: Vec<IoSlice<'_>> = self.datagrams.iter().map(|d| IoSlice::new(&d.contents)).collect();
        let run_max = if port.is_segmented() { RUN_MAX } else { 1 };
        let runs = runs(&self.datagrams, run_max);
        let messages: Vec<Message<'_>> = runs
            .iter()
            .filter_map(|(from, end, to)| {
                let parts = slices.get(*from..*end)?;
                Some(Message {
                    socket: port.socket(end - from).as_fd(),
                    file: None,
                    parts,
                    to: Some(port.reaching(*to)),
                })
            })
            .collect();
        engine.send(&messages, &mut self.outcomes);
        for (outcome, (from, end, _)) in self.outcomes.iter().zip(&runs) {
            let datagrams = (end - from) as u64;
            match outcome {
                Ok(_) => metrics.packets.inc_by(datagrams),
                Err(errno) => {
                    metrics.unsent.inc_by(datagrams);
                    if *errno == Errno::IO && datagrams > 1 {
                        port.stop_segmenting();
                    }
                }
            }
        }
        drop(messages);
        drop(slices);
        self.datagrams.clear();
    }
}

/// Datagrams that leave in one call each: one of any length, or full ones in a row and at most one shorter behind them.
fn runs(datagrams: &[Transmit], run_max: usize) -> Vec<(usize, usize, SocketAddr)> {
    let mut runs: Vec<(usize, usize, SocketAddr)> = Vec::new();
    let mut is_open = false;
    for (at, datagram) in datagrams.iter().enumerate() {
        let length = datagram.contents.len();
        match runs.last_mut() {
            Some((from, end, to))
                if is_open && *to == datagram.destination && at - *from < run_max && length <= SEGMENT_BYTES =>
            {
                *end = at + 1;
            }
            _ => runs.push((at, at + 1, datagram.destination)),
        }
        is_open = length == SEGMENT_BYTES;
    }
    runs
}

/// RTP, as opposed to RTCP, DTLS and STUN on the same port (RFC 7983, RFC 5761).
pub(super) fn is_media(datagram: &Transmit) -> bool {
    matches!(*datagram.contents, [128..=191, kind, ..] if !(192..=223).contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use str0m::net::Protocol;

    fn datagram(length: usize, port: u16) -> Transmit {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Transmit { proto: Protocol::Udp, source: address, destination: address, contents: vec![0; length].into() }
    }

    fn lengths(datagrams: &[Transmit], run_max: usize) -> Vec<usize> {
        runs(datagrams, run_max).iter().map(|(from, end, _)| end - from).collect()
    }

    #[test]
    fn full_packets_in_a_row_and_a_shorter_one_leave_together() {
        let full = || datagram(SEGMENT_BYTES, 1);
        let frame = [full(), full(), datagram(300, 1), datagram(200, 1), full(), datagram(9, 2)];
        assert_eq!(lengths(&frame, 50), [3, 1, 1, 1]);
        assert_eq!(lengths(&frame, 1), [1; 6]);
        let many: Vec<_> = (0..7).map(|_| full()).collect();
        assert_eq!(lengths(&many, 3), [3, 3, 1]);
    }
}
