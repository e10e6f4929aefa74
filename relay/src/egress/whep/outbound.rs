//! What a viewer's WebRTC session wants sent, handed to the kernel: packets of one length in a row leave in one call (UDP
//! segmentation offload), all calls of a turn as one batch. How long a full packet is the browser decides: by the cipher that it
//! has, and by the names it gave to its sections, which stand in each packet.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;

use str0m::net::Transmit;
use uring::{Engine, Errno, Message, Outcome};

use super::metrics::Metrics;
use super::port::Port;

/// Packets of a run: the kernel takes 64.
const RUN_MAX: usize = 50;
/// Bytes of a run: an IP packet's, with room for headers.
const RUN_BYTES_MAX: usize = 65_000;

/// What was not sent yet; empty between turns.
#[derive(Default)]
pub(super) struct Outbound {
    datagrams: Vec<Transmit>,
    media_bytes: u64,
    runs: Vec<Run>,
    outcomes: Vec<Outcome>,
}

/// Datagrams that leave in one call: any one, or some of equal length in a row and at most one shorter behind them.
#[derive(Clone, Copy)]
struct Run {
    from: usize,
    end: usize,
    to: SocketAddr,
    /// Length of the first.
    length: usize,
    /// None can be added.
    closed: bool,
}

impl Outbound {
    pub(super) fn push(&mut self, datagram: Transmit) {
        if is_media(&datagram) {
            self.media_bytes += datagram.contents.len() as u64;
        }
        self.datagrams.push(datagram);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes of media among them.
    pub(super) fn media_bytes(&self) -> u64 {
        self.media_bytes
    }

    /// Sends all; gives how many calls that took. What the kernel does not take is lost, as on any network: the viewer asks for
    /// it again.
    pub(super) fn send(&mut self, port: &Port, engine: &mut Engine, metrics: &Metrics) -> u64 {
        let slices: Vec<IoSlice<'_>> = self.datagrams.iter().map(|d| IoSlice::new(&d.contents)).collect();
        find_runs(&self.datagrams, if port.is_segmented() { RUN_MAX } else { 1 }, &mut self.runs);
        let message = |run: &Run| Message {
            socket: port.socket().as_fd(),
            file: None,
            parts: slices.get(run.from..run.end).unwrap_or_default(),
            to: Some(port.reaching(run.to)),
            cut: u16::try_from(run.length).ok().filter(|_| run.datagrams() > 1),
        };
        let messages: Vec<Message<'_>> = self.runs.iter().map(message).collect();
        engine.send(&messages, &mut self.outcomes);
        for (outcome, run) in self.outcomes.iter().zip(&self.runs) {
            let datagrams = run.datagrams() as u64;
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
        self.datagrams.clear();
        self.media_bytes = 0;
        self.runs.len() as u64
    }
}

impl Run {
    fn datagrams(&self) -> usize {
        self.end - self.from
    }

    fn takes(&self, datagram: &Transmit, run_max: usize) -> bool {
        let datagrams = self.datagrams() + 1;
        !self.closed
            && datagrams <= run_max
            && datagrams * self.length <= RUN_BYTES_MAX
            && datagram.contents.len() <= self.length
            && datagram.destination == self.to
    }
}

fn find_runs(datagrams: &[Transmit], run_max: usize, runs: &mut Vec<Run>) {
    runs.clear();
    for (at, datagram) in datagrams.iter().enumerate() {
        let length = datagram.contents.len();
        match runs.last_mut().filter(|run| run.takes(datagram, run_max)) {
            Some(run) => (run.end, run.closed) = (at + 1, length < run.length),
            None => runs.push(Run { from: at, end: at + 1, to: datagram.destination, length, closed: false }),
        }
    }
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
        let mut runs = Vec::new();
        find_runs(datagrams, run_max, &mut runs);
        runs.iter().map(Run::datagrams).collect()
    }

    #[test]
    fn packets_of_one_length_in_a_row_and_a_shorter_one_leave_together() {
        for full in [1_190, 1_200] {
            let full = || datagram(full, 1);
            let frame = [full(), full(), datagram(300, 1), datagram(200, 1), full(), datagram(9, 2)];
            assert_eq!(lengths(&frame, 50), [3, 1, 1, 1]);
            assert_eq!(lengths(&frame, 1), [1; 6]);
            let many: Vec<_> = (0..7).map(|_| full()).collect();
            assert_eq!(lengths(&many, 3), [3, 3, 1]);
        }
        let long: Vec<_> = (0..50).map(|_| datagram(1_500, 1)).collect();
        assert_eq!(lengths(&long, 50), [43, 7], "no run is longer than a packet may be");
    }
}
