//! A camera that plays: packets in, frames into the hub, until something ends it. What concerns one packet is counted and
//! passed over; what concerns the connection ends it with a reason.
//!
//! Over TCP all cameras of a core read into one buffer, which stays in the cache; what a frame needs is copied out of it once.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use media::rtp;
use media::rtsp::client::{self, Cut};
use tokio::io::{AsyncRead as _, ReadBuf};

use super::conversation::Conversation;
use super::dial::{Dialed, KeepAlive, Way};
use super::overseer::{self, Watch};
use super::tracks::{Arrival, Outlet, Packet, Tracks};
use super::{Failure, Ingest, Reason};

/// How often the time-outs are looked at, and the bit rate is measured.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Bad packets in a row that end a connection: nothing else comes any more.
const BAD_PACKETS_MAX: u32 = 256;
/// Read at once by one camera: several frames, and never so much that the others wait.
const READ_BYTES: usize = 256 << 10;
/// Reads in a row by one camera.
const TURNS_MAX: usize = 4;
/// What a connection keeps of its memory for an unfinished packet.
const REST_BYTES_KEPT: usize = 4 << 10;

/// The buffer that all cameras of a core read into, one at a time.
struct Shared(RefCell<Vec<u8>>);

/// A connection to a camera after PLAY.
pub struct Connection<'a> {
    ingest: &'a mut Ingest,
    conversation: Conversation,
    /// By the tracks' places.
    ways: Vec<Way>,
    tracks: Tracks,
    keepalive: KeepAlive,
    /// When the next sign of life is due, and whether the last one was answered.
    next_keepalive: Duration,
    unanswered: bool,
    watch: Rc<Watch>,
    buffer: Rc<Shared>,
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
        let Dialed { conversation, medias, keepalive } = dialed;
        let (ways, medias) = medias.into_iter().map(|media| (media.way, media.coded)).unzip();
        let tracks = Tracks::new(medias, &mut ingest.lines, wall);
        let measured = (now, ingest.vitals.bytes());
        let watch = overseer::watch(&ingest.local, now + CHECK_INTERVAL);
        let buffer = ingest.local.common(|| Shared(RefCell::new(vec![0; READ_BYTES])));
        let next_keepalive = now + keepalive.every;
        Self {
            ingest,
            conversation,
            ways,
            tracks,
            keepalive,
            next_keepalive,
            unanswered: false,
            watch,
            buffer,
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
        std::future::poll_fn(|cx| self.poll_turns(cx, |connection| connection.published)).await
    }

    /// Publishes frames until the connection ends.
    pub async fn run(&mut self) -> Failure {
        let ended = std::future::poll_fn(|cx| self.poll_turns(cx, |_| false)).await;
        ended.err().unwrap_or_else(|| Failure::new(Reason::Shutdown, "not asked for"))
    }

    /// Turns until `enough`, or until the others on this core should have theirs.
    fn poll_turns(&mut self, cx: &mut Context<'_>, enough: impl Fn(&Self) -> bool) -> Poll<Result<(), Failure>> {
        for _ in 0..TURNS_MAX {
            if enough(self) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_turn(cx))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what has come. Pending where there is nothing; the sockets or the overseer wake it then.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let monotonic = self.ingest.clock.monotonic();
        if monotonic >= self.next_check {
            self.check(monotonic)?;
        }
        let datagrams = self.poll_datagrams(cx, monotonic)?;
        match self.poll_connection(cx, monotonic) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending if datagrams => Poll::Ready(Ok(())),
            Poll::Pending => {
                self.watch.wait(cx);
                Poll::Pending
            }
        }
    }

    /// One read of the connection, and all that is whole in it.
    fn poll_connection(&mut self, cx: &mut Context<'_>, monotonic: Duration) -> Poll<Result<(), Failure>> {
        let shared = Rc::clone(&self.buffer);
        let buffer = &mut *shared.0.borrow_mut();
        let held = self.conversation.unread.len();
        let (kept, room) =
            buffer.split_at_mut_checked(held).filter(|(_, room)| !room.is_empty()).ok_or_else(endless)?;
        kept.copy_from_slice(&self.conversation.unread);
        let mut read = ReadBuf::new(room);
        let done = ready!(Pin::new(&mut self.conversation.socket).poll_read(cx, &mut read));
        done.map_err(|error| Failure::of_io(&error))?;
        let end = held + read.filled().len();
        if end == held {
            return Poll::Ready(Err(Failure::new(Reason::ClosedByCamera, "the camera closed the connection")));
        }
        let at = Arrival { wall: self.ingest.arrival(), monotonic };
        let bytes = buffer.get(..end).unwrap_or_default();
        let used = self.take_all(bytes, at)?;
        let unread = &mut self.conversation.unread;
        unread.clear();
        unread.extend_from_slice(bytes.get(used..).unwrap_or_default());
        if unread.is_empty() && unread.capacity() > REST_BYTES_KEPT {
            *unread = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Takes everything that is whole; gives how many bytes it was.
    fn take_all(&mut self, bytes: &[u8], at: Arrival) -> Result<usize, Failure> {
        let mut used_up = 0;
        loop {
            let rest = bytes.get(used_up..).unwrap_or_default();
            match client::cut(rest).map_err(|fault| Failure::new(Reason::Protocol, fault.to_string()))? {
                Cut::Partial => return Ok(used_up),
                Cut::Data { channel, packet, used } => {
                    self.interleaved(channel, packet, at)?;
                    used_up += used;
                }
                Cut::Response { response, used } => {
                    // Whatever its status: a camera that answers is alive. One that has forgotten the session says so.
                    self.unanswered = false;
                    if response.status == 454 {
                        return Err(Failure::new(Reason::ClosedByCamera, "the camera has ended the session"));
                    }
                    used_up += used;
                }
                Cut::Request { used } => used_up += used,
            }
        }
    }

    fn interleaved(&mut self, channel: u8, packet: &[u8], at: Arrival) -> Result<(), Failure> {
        self.last_packet = Some(at.monotonic);
        let of = |way: &Way| matches!(way, Way::Channels(rtp, rtcp) if [*rtp, *rtcp].contains(&channel));
        // Some cameras send medias that were not set up.
        let Some(place) = self.ways.iter().position(of) else { return Ok(()) };
        if matches!(self.ways.get(place), Some(Way::Channels(_, rtcp)) if *rtcp == channel) {
            if let Some(report) = rtp::read_sender_report(packet) {
                self.ingest.lines.sender_report(place, report.ntp, report.rtp);
            }
            return Ok(());
        }
        let Ok(packet) = rtp::parse(packet) else { return self.bad_packet() };
        self.bad_packets = 0;
        let loss = self.tracks.loss(place, packet.sequence);
        let packet = Packet {
            sequence: packet.sequence,
            rtp_timestamp: packet.timestamp,
            marker: packet.marker,
            loss,
            payload: packet.payload,
        };
        self.publish(place, &packet, at);
        Ok(())
    }

    fn publish(&mut self, place: usize, packet: &Packet<'_>, at: Arrival) {
        let ingest = &mut *self.ingest;
        let mut out = Outlet {
            hub: &ingest.hub,
            vitals: &ingest.vitals,
            errors: &ingest.errors,
            info: &mut ingest.info,
            lines: &mut ingest.lines,
        };
        self.published |= self.tracks.packet(place, packet, at, &mut out) > 0;
    }

    /// What came by UDP. True where there may be more.
    fn poll_datagrams(&mut self, cx: &mut Context<'_>, monotonic: Duration) -> Result<bool, Failure> {
        let mut more = false;
        for place in 0..self.ways.len() {
            let Some(Way::Ports(ports)) = self.ways.get_mut(place) else { continue };
            let mut bad = 0;
            more |= ports.poll_receive(cx, monotonic, &mut || bad += 1).is_ready();
            if let Poll::Ready(report) = ports.poll_report(cx) {
                self.ingest.lines.sender_report(place, report.ntp, report.rtp);
                more = true;
            }
            let at = Arrival { wall: self.ingest.arrival(), monotonic };
            while let Some(Way::Ports(ports)) = self.ways.get_mut(place)
                && let Some(next) = ports.pop(monotonic)
            {
                self.last_packet = Some(monotonic);
                self.bad_packets = 0;
                let packet = Packet {
                    sequence: next.sequence,
                    rtp_timestamp: next.item.timestamp,
                    marker: next.item.marker,
                    loss: next.loss,
                    payload: &next.item.payload,
                };
                self.publish(place, &packet, at);
            }
            for _ in 0..bad {
                self.bad_packet()?;
            }
        }
        Ok(more)
    }

    fn bad_packet(&mut self) -> Result<(), Failure> {
        self.bad_packets += 1;
        self.ingest.errors.add("rtp");
        if self.bad_packets < BAD_PACKETS_MAX {
            return Ok(());
        }
        Err(Failure::new(Reason::Protocol, format!("{BAD_PACKETS_MAX} packets in a row are no RTP")))
    }

    fn check(&mut self, now: Duration) -> Result<(), Failure> {
        self.next_check = now + CHECK_INTERVAL;
        self.watch.set(self.next_check);
        let bytes = self.ingest.vitals.bytes();
        let (since, before) = std::mem::replace(&mut self.measured, (now, bytes));
        self.ingest.vitals.measure(bytes.saturating_sub(before), now.saturating_sub(since));
        self.keep_alive(now)?;
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

    /// The session's sign of life, when it is due.
    fn keep_alive(&mut self, now: Duration) -> Result<(), Failure> {
        for way in &self.ways {
            if let Way::Ports(ports) = way {
                ports.report();
            }
        }
        if now < self.next_keepalive {
            return Ok(());
        }
        if std::mem::replace(&mut self.unanswered, true) {
            let detail = format!("{} was not answered for {:?}", self.keepalive.method, self.keepalive.every);
            return Err(Failure::new(Reason::Timeout, detail));
        }
        self.next_keepalive = now + self.keepalive.every;
        let request = self.conversation.further_request(self.keepalive.method, &self.keepalive.url);
        // A request is small. One that does not fit is not answered, and that is judged the next time.
        let _ = self.conversation.socket.try_write(&request);
        Ok(())
    }
}

/// Says good-bye, if that can be said at once: a camera has few sessions, and one that is not ended may stay for a minute.
impl Drop for Connection<'_> {
    fn drop(&mut self) {
        if self.conversation.session().is_some() {
            let request = self.conversation.further_request("TEARDOWN", &self.keepalive.url);
            let _ = self.conversation.socket.try_write(&request);
        }
    }
}

fn endless() -> Failure {
    Failure::new(Reason::Protocol, "the camera sends a message without end")
}
