//! A camera that plays: packets in, frames into the hub, until something ends it. What concerns one packet is counted and
//! passed over; what concerns the connection ends it with a reason.

use std::time::Duration;

use retina::client::{PacketItem, Playing, Session};
use tokio::time::{Interval, MissedTickBehavior};

use super::dial::Dialed;
use super::guard::Bounded;
use super::reason::Stage;
use super::tracks::{Arrival, Outlet, Packet, Tracks};
use super::{Failure, Ingest, Reason};

/// How often the time-outs are looked at, and the bit rate is measured.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Bad packets in a row that end a connection: a camera that has changed its SSRC sends nothing else.
const BAD_PACKETS_MAX: u32 = 256;

/// A connection to a camera after PLAY.
pub struct Connection<'a> {
    ingest: &'a mut Ingest,
    packets: Bounded<Session<Playing>>,
    tracks: Tracks,
    ticks: Interval,
    /// On the monotonic line.
    began: Duration,
    last_packet: Option<Duration>,
    next_check: Duration,
    measured: (Duration, u64),
    bad_packets: u32,
    published: bool,
}

impl<'a> Connection<'a> {
    pub(super) fn new(ingest: &'a mut Ingest, dialed: Dialed) -> Self {
        let now = ingest.clock.monotonic();
        let wall = ingest.arrival();
        let tracks = Tracks::new(dialed.medias, &mut ingest.lines, wall);
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let measured = (now, ingest.vitals.bytes());
        Self {
            ingest,
            packets: Bounded::new(dialed.session),
            tracks,
            ticks,
            began: now,
            last_packet: None,
            next_check: now + CHECK_INTERVAL,
            measured,
            bad_packets: 0,
            published: false,
        }
    }

    /// Returns when the first frame has been published.
    pub async fn until_first_frame(&mut self) -> Result<(), Failure> {
        while !self.published {
            self.step().await?;
        }
        Ok(())
    }

    /// Publishes frames until the connection ends.
    pub async fn run(&mut self) -> Failure {
        loop {
            if let Err(failure) = self.step().await {
                return failure;
            }
        }
    }

    /// One packet, or one look at the time-outs.
    async fn step(&mut self) -> Result<(), Failure> {
        let item = tokio::select! {
            biased;
            item = self.packets.next(&*self.ingest.clock) => item,
            _ = self.ticks.tick() => return self.check(self.ingest.clock.monotonic()),
        };
        let monotonic = self.ingest.clock.monotonic();
        match item {
            Ok(Some(Ok(item))) => {
                self.bad_packets = 0;
                self.item(item, Arrival { wall: self.ingest.arrival(), monotonic });
            }
            Ok(Some(Err(error))) => self.bad_packet(&error)?,
            Ok(None) => return Err(Failure::new(Reason::ClosedByCamera, "the camera closed the connection")),
            Err(endless) => return Err(Failure::new(Reason::Protocol, endless.to_string())),
        }
        // A camera that never leaves the socket empty would starve the ticks.
        if monotonic >= self.next_check { self.check(monotonic) } else { Ok(()) }
    }

    fn item(&mut self, item: PacketItem, at: Arrival) {
        self.last_packet = Some(at.monotonic);
        let ingest = &mut *self.ingest;
        match item {
            PacketItem::Rtp(packet) => {
                let stream = packet.stream_id();
                let packet = Packet {
                    sequence: packet.sequence_number(),
                    rtp_timestamp: packet.header().timestamp(),
                    marker: packet.mark(),
                    loss: packet.loss(),
                    payload: packet.into_payload_bytes(),
                };
                let mut out = Outlet {
                    hub: &ingest.hub,
                    vitals: &ingest.vitals,
                    errors: &ingest.errors,
                    info: &mut ingest.info,
                    lines: &mut ingest.lines,
                };
                self.published |= self.tracks.packet(stream, packet, at, &mut out) > 0;
            }
            PacketItem::Rtcp(compound) => {
                if let Some(report) = media::rtp::read_sender_report(compound.raw()) {
                    self.tracks.sender_report(compound.stream_id(), report.ntp, report.rtp, &mut ingest.lines);
                }
            }
            _ => {}
        }
    }

    /// Errors that name a packet concern it alone; the library shows that only in their text.
    fn bad_packet(&mut self, error: &retina::Error) -> Result<(), Failure> {
        let text = error.to_string();
        let of_packet = text.contains("\npkt: ");
        self.bad_packets += 1;
        self.ingest.errors.add(if of_packet { "rtp" } else { "connection" });
        if of_packet && self.bad_packets < BAD_PACKETS_MAX {
            return Ok(());
        }
        Err(Failure::new(Reason::of(Stage::Streaming, error), text))
    }

    fn check(&mut self, now: Duration) -> Result<(), Failure> {
        if now < self.next_check {
            return Ok(());
        }
        self.next_check = now + CHECK_INTERVAL;
        let bytes = self.ingest.vitals.bytes();
        let (since, before) = std::mem::replace(&mut self.measured, (now, bytes));
        self.ingest.vitals.measure(bytes.saturating_sub(before), now.saturating_sub(since));
        let config = &self.ingest.config;
        let silent =
            |since: Option<Duration>, limit: Duration| now.saturating_sub(since.unwrap_or(self.began)) >= limit;
        if self.last_packet.is_none() && silent(None, config.first_packet_timeout) {
            return Err(Failure::new(Reason::NoMedia, "no packet after PLAY"));
        }
        let stall = config.stall_timeout.max(if self.published { Duration::ZERO } else { config.first_packet_timeout });
        if silent(self.tracks.last_unit(), stall) {
            return Err(match self.tracks.has_video() {
                true => Failure::new(Reason::StalledVideo, "the connection stands but no picture comes"),
                false => Failure::new(Reason::NoMedia, "the connection stands but no sound comes"),
            });
        }
        if !self.published && silent(None, config.first_keyframe_timeout) {
            let detail = if self.tracks.are_known() { "no keyframe came" } else { "no parameter sets came" };
            return Err(Failure::new(Reason::NoMedia, detail));
        }
        Ok(())
    }
}
