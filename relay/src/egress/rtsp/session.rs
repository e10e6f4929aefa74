//! One viewer on the core that has its stream: a task that answers requests and hands frames to the kernel. It waits in
//! one place only, so that an end, a request, a frame and a timer are all heard there.

mod requests;

use std::future::{Future, poll_fn};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use media::frame::StreamInfo;
use media::hub::{Published, Subscriber};
use media::rtsp::{Event, Fault, RequestId, Server};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

use super::feed::{Feed, Next};
use super::flow::{Flow, Flowed};
use super::outbox::{Flushed, Outbox};
use super::reports::{self, Reporter};
use super::udp::{BURST_PAUSE, Udp};
use super::{Parts, READ_BYTES};
use crate::admission::Admitted;
use crate::directory::Stream;
use crate::lease::EndReason;
use crate::listen;

/// How often timers are looked at. All of them are in seconds.
const TICK: Duration = Duration::from_millis(500);

/// An admitted connection on its way to a core.
pub(super) struct Arrival {
    pub(super) socket: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) server: Server,
    pub(super) admitted: Admitted,
}

pub(super) struct Session {
    socket: TcpStream,
    peer: SocketAddr,
    server: Server,
    stream: Stream,
    parts: Parts,
    outbox: Outbox,
    udp: Option<Udp>,
    /// What was described; frames of another kind end the session.
    info: Option<Arc<StreamInfo>>,
    /// A DESCRIBE that waits for the camera's parameters.
    describing: Option<Describing>,
    reporters: Vec<Reporter>,
    feed: Option<Feed>,
    /// The viewer has said that it leaves, and not come back since.
    torn_down: bool,
}

struct Describing {
    request: RequestId,
    subscriber: Subscriber,
    until: Duration,
}

/// Why a session's task is over.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the lease is over: {0:?}")]
    Told(EndReason),
    #[error("the viewer closed the connection")]
    Left,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("protocol fault: {0}")]
    Fault(Fault),
    #[error("the viewer did not take what was sent")]
    TooSlow,
    #[error("the stream is over, or another one")]
    CameraLost,
}

/// What there is to wait for after a step.
enum Wait {
    /// More can be sent at once; others get their turn first.
    Turn,
    /// The TCP socket takes more.
    Writable,
    UdpWritable,
    UdpPause,
    /// The next frame, if any is wanted.
    Frame,
}

enum Wake {
    Ended(EndReason),
    Readable,
    /// The next frame of a UDP viewer.
    Frame(Next),
    /// A TCP viewer's frames flowed until this.
    Flowed(Flowed),
    Described,
    ReportHeard,
    /// The UDP viewer had its pause.
    Rested,
    Tick,
    /// What was waited for is there; the next step finds it.
    Ready,
}

impl Session {
    pub(super) async fn run(arrival: Arrival, stream: Stream, parts: Parts) {
        let Arrival { socket, peer, server, admitted } = arrival;
        let Ok(socket) = TcpStream::from_std(socket) else { return admitted.leave(EndReason::Network) };
        let mut session = Self {
            socket,
            peer,
            server,
            stream,
            parts,
            outbox: Outbox::default(),
            udp: None,
            info: None,
            describing: None,
            reporters: Vec::new(),
            feed: None,
            torn_down: false,
        };
        let end = session.serve(&admitted).await;
        session.close(&end, admitted);
    }

    async fn serve(&mut self, admitted: &Admitted) -> End {
        let mut ended = pin!(admitted.ended());
        let mut listening = false;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wait = match self.step(admitted) {
                Ok(wait) => wait,
                Err(end) => return end,
            };
            if matches!(wait, Wait::Turn) {
                tokio::task::yield_now().await;
                continue;
            }
            let Self { socket, server, udp, describing, feed, peer, outbox, reporters, parts, .. } = self;
            let playing = server.is_playing();
            let (clock, metrics, by_frame) = (parts.clock.as_ref(), &parts.metrics, udp.is_some());
            // A UDP viewer gets frame by frame; a TCP viewer's flow by themselves.
            let next_wake = poll_fn(|cx| match feed {
                None => Poll::Pending,
                Some(feed) if by_frame => feed.poll_next(cx).map(Wake::Frame),
                Some(feed) => {
                    Flow { feed, outbox, reporters, socket, admitted, clock, metrics }.poll(cx).map(Wake::Flowed)
                }
            });
            let wake = tokio::select! {
                biased;
                reason = poll_fn(|cx| hear_end(ended.as_mut(), &mut listening, admitted, cx)) => Wake::Ended(reason),
                // Polled in place: `readable()` would enter a list and leave it again at each frame.
                _ = poll_fn(|cx| socket.poll_read_ready(cx)), if server.room() > 0 => Wake::Readable,
                _ = poll_fn(|cx| socket.poll_write_ready(cx)), if matches!(wait, Wait::Writable) => Wake::Ready,
                wake = next_wake, if playing && matches!(wait, Wait::Frame) => wake,
                _ = udp_writable(udp), if matches!(wait, Wait::UdpWritable) => Wake::Ready,
                () = tokio::time::sleep(BURST_PAUSE), if matches!(wait, Wait::UdpPause) => Wake::Rested,
                () = udp_heard(udp, *peer), if playing => Wake::ReportHeard,
                () = first_frame(describing) => Wake::Described,
                _ = tick.tick() => Wake::Tick,
            };
            if let Err(end) = self.handle(wake) {
                return end;
            }
        }
    }

    fn handle(&mut self, wake: Wake) -> Result<(), End> {
        match wake {
            Wake::Ended(reason) => return Err(End::Told(reason)),
            Wake::Readable => return self.read(),
            Wake::Frame(Next::Frame(frame)) => {
                if let Some(udp) = &mut self.udp {
                    udp.rest();
                }
                self.push_frame(&frame);
            }
            Wake::Frame(Next::Over) | Wake::Flowed(Flowed::Over) => return Err(End::CameraLost),
            Wake::Flowed(Flowed::Broken(error)) => {
                self.hear_last_words();
                return Err(End::Broken(error));
            }
            // The next step finds the same again, and knows what to do.
            Wake::Flowed(Flowed::Full | Flowed::Ended) => {}
            Wake::Described => self.answer_description(),
            Wake::ReportHeard => self.server.alive(self.now()),
            Wake::Rested => self.udp.iter_mut().for_each(Udp::rest),
            Wake::Tick => return self.tick(),
            Wake::Ready => {}
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.parts.clock.monotonic()
    }

    /// A send failed: what the viewer said before that may not have been read yet, and tells leaving from breaking.
    fn hear_last_words(&mut self) {
        let mut buffer = [0; READ_BYTES];
        let room = self.server.room().min(READ_BYTES);
        // Asks the kernel itself: the runtime has not heard of the bytes yet.
        let read = (&*SockRef::from(&self.socket)).read(buffer.get_mut(..room).unwrap_or_default());
        let now = self.now();
        let _ = self.server.handle_bytes(now, buffer.get(..read.unwrap_or(0)).unwrap_or_default());
        while let Some(event) = self.server.poll_event() {
            self.on_event(&event);
        }
    }

    fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; READ_BYTES];
        let room = self.server.room().min(READ_BYTES);
        match self.socket.try_read(buffer.get_mut(..room).unwrap_or_default()) {
            Ok(0) => Err(End::Left),
            Ok(len) => {
                let now = self.now();
                // A fault comes out as an event as well.
                let _ = self.server.handle_bytes(now, buffer.get(..len).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(End::Broken(error)),
        }
    }

    fn tick(&mut self) -> Result<(), End> {
        let now = self.now();
        self.server.handle_timeout(now);
        if self.outbox.stuck_since().is_some_and(|since| now.saturating_sub(since) > self.parts.config.stuck_timeout) {
            return Err(End::TooSlow);
        }
        if self.describing.as_ref().is_some_and(|d| now >= d.until) {
            self.answer_description();
        }
        if self.server.is_playing() {
            self.send_reports(now);
        }
        Ok(())
    }

    fn send_reports(&mut self, now: Duration) {
        for reporter in &mut self.reporters {
            let Some(report) = reporter.take(now) else { continue };
            match &self.udp {
                Some(udp) => {
                    if udp.report(reporter.track, &report).is_err() {
                        self.parts.metrics.udp_errors.inc();
                    }
                }
                None => self.outbox.push(reports::interleaved(reporter.track, &report), false),
            }
        }
    }

    /// Does all that can be done without waiting.
    fn step(&mut self, admitted: &Admitted) -> Result<Wait, End> {
        while let Some(event) = self.server.poll_event() {
            if let Event::Close(fault) = event {
                self.push_output();
                // What does not fit into the socket now is not worth waiting for.
                let _ = self.outbox.flush(&self.socket, admitted, self.parts.clock.as_ref(), |_| ());
                return Err(End::Fault(fault));
            }
            self.on_event(&event);
        }
        self.push_output();
        let more = self.fill()?;
        let bytes = &self.parts.metrics.rtsp_bytes;
        let sent = |media: u64| {
            admitted.sent(media);
            bytes.inc_by(media);
        };
        match self.outbox.flush(&self.socket, admitted, self.parts.clock.as_ref(), sent) {
            Ok(Flushed::All | Flushed::Paced) => {}
            Ok(Flushed::Full) => return Ok(Wait::Writable),
            Ok(Flushed::Ended) => return Err(told(admitted)),
            Err(error) => {
                self.hear_last_words();
                return Err(End::Broken(error));
            }
        }
        let flushed = match &mut self.udp {
            Some(udp) => udp.flush(admitted, sent, |_| self.parts.metrics.udp_errors.inc()),
            None => Flushed::All,
        };
        match flushed {
            Flushed::Full => Ok(Wait::UdpWritable),
            Flushed::Paced => Ok(Wait::UdpPause),
            Flushed::Ended => Err(told(admitted)),
            Flushed::All if more => Ok(Wait::Turn),
            Flushed::All => Ok(Wait::Frame),
        }
    }

    fn push_output(&mut self) {
        while let Some(bytes) = self.server.poll_output() {
            self.outbox.push(bytes, false);
        }
    }

    /// Takes frames that are there already, up to a batch. True where there may be more.
    fn fill(&mut self) -> Result<bool, End> {
        while self.server.is_playing() && self.outbox.has_room() && self.udp.as_ref().is_none_or(Udp::is_empty) {
            match self.feed.as_mut().and_then(Feed::try_next) {
                Some(Next::Frame(frame)) => self.push_frame(&frame),
                Some(Next::Over) => return Err(End::CameraLost),
                None => return Ok(false),
            }
        }
        Ok(self.server.is_playing())
    }

    fn push_frame(&mut self, published: &Published) {
        let (track, image) = (published.frame.track, published.interleaved());
        if let Some(reporter) = self.reporters.iter_mut().find(|r| r.track == track) {
            reporter.count(published, image);
        }
        match &mut self.udp {
            Some(udp) => udp.push(track, image.clone()),
            None => self.outbox.push(image.clone(), true),
        }
    }

    /// The socket goes first: when the session's end is on record, nothing leaves any more.
    fn close(self, end: &End, admitted: Admitted) {
        tracing::debug!(session = %admitted.session().0, %end, "RTSP connection over");
        let cut_off = matches!(end, End::TooSlow) || matches!(end, End::Told(reason) if takes_back(*reason));
        if cut_off {
            // Refused only for a socket that is closed already.
            let _ = listen::cut_off(&self.socket);
        }
        if let End::Fault(fault) = end {
            self.parts.metrics.faults.with_label_values(&[super::fault_label(*fault)]).inc();
        }
        let torn_down = self.torn_down;
        drop(self);
        match end {
            End::Told(reason) => admitted.leave(*reason),
            End::Left => admitted.leave(EndReason::User),
            // A player that says TEARDOWN and closes at once resets the connection, frames being on their way.
            End::Broken(_) if torn_down => admitted.leave(EndReason::User),
            End::Broken(_) | End::Fault(_) => admitted.leave(EndReason::Network),
            End::TooSlow => admitted.end_session(EndReason::TooSlow),
            End::CameraLost => admitted.end_session(EndReason::CameraLost),
        }
    }
}

fn told(admitted: &Admitted) -> End {
    // Flush says `Ended` only after the lease did.
    End::Told(admitted.end_reason().unwrap_or(EndReason::Expired))
}

/// Ends after which what the kernel still holds must not arrive either.
fn takes_back(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::Expired | EndReason::Revoked | EndReason::Suspended | EndReason::Preempted | EndReason::Anomaly
    )
}

/// The lease's end. The future is entered in its list once; after that the flag it sets is looked at, which is cheap
/// enough to be done with each frame. A task has one waker for all its life, so the entry stays good.
fn hear_end(
    ended: Pin<&mut impl Future<Output = EndReason>>,
    listening: &mut bool,
    admitted: &Admitted,
    cx: &mut Context<'_>,
) -> Poll<EndReason> {
    if let Some(reason) = admitted.end_reason() {
        return Poll::Ready(reason);
    }
    if *listening {
        return Poll::Pending;
    }
    *listening = true;
    ended.poll(cx)
}

async fn udp_writable(udp: &Option<Udp>) -> io::Result<()> {
    match udp {
        Some(udp) => udp.writable().await,
        None => std::future::pending().await,
    }
}

async fn udp_heard(udp: &Option<Udp>, viewer: SocketAddr) {
    match udp {
        Some(udp) => udp.heard(viewer.ip()).await,
        None => std::future::pending().await,
    }
}

/// The camera's first frame, where a DESCRIBE waits for it; its end counts too.
async fn first_frame(describing: &mut Option<Describing>) {
    match describing {
        Some(waiting) => drop(waiting.subscriber.next().await),
        None => std::future::pending().await,
    }
}
