//! One viewer's words on the core that has his seat: a task that answers requests and hears of an end. His frames pass by it;
//! it is woken for none of them. It waits in one place only, so that an end, a request, a full socket and a timer are all heard there.

mod course;
mod playhead;
mod recorded;
mod requests;

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use media::frame::StreamInfo;
use media::hub::Subscriber;
use media::rtsp::{Event, Fault, RequestId, Server};
use media::stretch::Stretch;
use media::wall::Wall;
use tokio::net::TcpStream;

use super::{Parts, READ_BYTES, Wanted};
use crate::admission::Admitted;
use crate::core::Local;
use crate::directory::Stream;
use crate::egress::fan::{Attention, Fan, Fans, Seat, Trouble};
use crate::lease::EndReason;
use crate::listen;
use crate::recording::{Reading, Unreadable};
use crate::tls::Secure;
pub(super) use playhead::Opened;
use playhead::{Playhead, read_over};

/// Without a timer of the server's own the task looks at itself this often.
const IDLE_INTERVAL: Duration = Duration::from_secs(60);

/// An admitted connection on its way to a core.
pub(super) struct Arrival {
    pub(super) socket: std::net::TcpStream,
    pub(super) secure: Option<Secure>,
    pub(super) peer: SocketAddr,
    pub(super) server: Server,
    pub(super) admitted: Admitted,
}

pub(super) struct Session {
    seat: Rc<Seat>,
    fan: Rc<Fan>,
    peer: SocketAddr,
    server: Server,
    stream: Stream,
    parts: Arc<Parts>,
    /// What was described.
    info: Option<Arc<StreamInfo>>,
    /// A DESCRIBE that waits for the camera's parameters.
    describing: Option<Describing>,
    /// PLAY was answered; frames follow the answer.
    cued: bool,
    /// The viewer has said that it leaves, and not come back since.
    torn_down: bool,
    /// The last sign of life by UDP that the server knows of.
    heard_at: Duration,
    /// Where it is in a recording; none for live.
    playhead: Option<Box<Playhead>>,
    /// The instant that a playback's sender reports give its line's zero.
    line_origin: Wall,
    /// When a playback has something to do.
    look_at: Option<Duration>,
    /// A playback is over, and its viewer has been told behind the last frame.
    said_goodbye: bool,
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
    #[error("the recording was played to its end")]
    Played,
}

enum Wake {
    Ended(EndReason),
    Readable,
    Attention(Attention),
    Described,
    Read((Box<dyn Reading>, Result<Option<Stretch>, Unreadable>)),
    Timer,
}

impl Session {
    /// A viewer from his admission to his end. Everything is made before the future is, so that it holds everything once.
    pub(super) fn run(
        arrival: Arrival,
        wanted: Wanted,
        parts: Arc<Parts>,
        local: &Rc<Local>,
    ) -> impl Future<Output = ()> + use<> {
        let mut session = Self::of(arrival, wanted, parts, local);
        async move {
            let Some(serving) = &mut session else { return };
            let end = serving.serve().await;
            if let Some(session) = session {
                session.close(&end);
            }
        }
    }

    /// None where the socket cannot be watched; he has left then.
    fn of(arrival: Arrival, wanted: Wanted, parts: Arc<Parts>, local: &Rc<Local>) -> Option<Self> {
        let Arrival { socket, secure, peer, server, admitted } = arrival;
        let Ok(socket) = TcpStream::from_std(socket) else {
            admitted.leave(EndReason::Network);
            return None;
        };
        let Wanted { stream, recording } = wanted;
        let fan = match &recording {
            None => local.common(Fans::default).of(&stream, local, || parts.stage.fan_parts()),
            Some(_) => Fan::alone(&stream, local, parts.stage.fan_parts()),
        };
        let line_origin = parts.stage.clock.wall();
        let seat = fan.seat(socket, secure, admitted);
        Some(Self {
            seat,
            fan,
            peer,
            server,
            stream,
            parts,
            info: None,
            describing: None,
            cued: false,
            torn_down: false,
            heard_at: Duration::ZERO,
            playhead: recording.map(|opened| Box::new(Playhead::new(opened))),
            line_origin,
            look_at: None,
            said_goodbye: false,
        })
    }

    async fn serve(&mut self) -> End {
        let seat = Rc::clone(&self.seat);
        let mut ended = pin!(seat.admitted().ended());
        let mut listening = false;
        loop {
            if let Err(end) = self.step() {
                return end;
            }
            let timer = self.next_timer().saturating_sub(self.now());
            let Self { server, describing, playhead, .. } = &mut *self;
            let wake = tokio::select! {
                biased;
                reason = poll_fn(|cx| hear_end(ended.as_mut(), &mut listening, seat.admitted(), cx)) => Wake::Ended(reason),
                _ = poll_fn(|cx| seat.poll_read_ready(cx)), if server.room() > 0 => Wake::Readable,
                attention = poll_fn(|cx| seat.poll_attention(cx)) => Wake::Attention(attention),
                () = first_frame(describing) => Wake::Described,
                read = read_over(playhead) => Wake::Read(read),
                () = tokio::time::sleep(timer) => Wake::Timer,
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
            Wake::Attention(Attention::Writable) => self.fan.resume(&self.seat),
            Wake::Attention(Attention::Trouble(Trouble::Over)) => return Err(End::CameraLost),
            Wake::Attention(Attention::Trouble(Trouble::TooSlow)) => return Err(End::TooSlow),
            Wake::Attention(Attention::Trouble(Trouble::Broken(error))) => {
                self.hear_last_words();
                return Err(End::Broken(error));
            }
            Wake::Described => self.answer_description(),
            Wake::Read(read) => {
                let now = (self.now(), self.parts.stage.clock.wall());
                if let Some(told) = self.playhead.as_mut().map(|head| head.handle_read(read, now)) {
                    self.on_read(told);
                }
            }
            Wake::Timer => {
                let now = self.now();
                // Reports by UDP wake nobody; they count when a timer asks for them.
                if let Some(heard) = self.seat.heard_at().filter(|heard| *heard > self.heard_at) {
                    self.heard_at = heard;
                    self.server.alive(heard);
                }
                self.server.handle_timeout(now);
                if self.describing.as_ref().is_some_and(|d| now >= d.until) {
                    self.answer_description();
                }
            }
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.parts.stage.clock.monotonic()
    }

    fn next_timer(&self) -> Duration {
        let describing = self.describing.as_ref().map(|d| d.until);
        let timers = [self.server.next_timeout(), describing, self.look_at].into_iter().flatten().min();
        timers.unwrap_or_else(|| self.now() + IDLE_INTERVAL)
    }

    /// A send failed: what the viewer said before that may not have been read yet, and tells leaving from breaking.
    fn hear_last_words(&mut self) {
        let mut buffer = [0; READ_BYTES];
        let room = self.server.room().min(READ_BYTES);
        let read = self.seat.read_at_once(buffer.get_mut(..room).unwrap_or_default());
        let now = self.now();
        let _ = self.server.handle_bytes(now, buffer.get(..read.unwrap_or(0)).unwrap_or_default());
        while let Some(event) = self.server.poll_event() {
            self.on_event(&event);
        }
    }

    fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; READ_BYTES];
        let room = self.server.room().min(READ_BYTES);
        match self.seat.try_read(buffer.get_mut(..room).unwrap_or_default()) {
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

    /// Answers all that was asked.
    fn step(&mut self) -> Result<(), End> {
        while let Some(event) = self.server.poll_event() {
            if let Event::Close(fault) = event {
                // What does not fit into the socket now is not worth waiting for.
                self.say_output();
                return Err(End::Fault(fault));
            }
            self.on_event(&event);
        }
        self.say_output();
        if std::mem::take(&mut self.cued) && self.server.is_playing() {
            self.fan.start(&self.seat);
            if let Some(head) = &mut self.playhead {
                head.start();
            }
        }
        self.feed()
    }

    fn say_output(&mut self) {
        while let Some(bytes) = self.server.poll_output() {
            self.fan.say(&self.seat, bytes);
        }
    }

    /// The socket goes first: when the session's end is on record, nothing leaves any more.
    fn close(self, end: &End) {
        let Self { seat, fan, torn_down, parts, .. } = self;
        tracing::debug!(session = %seat.admitted().session().0, %end, "RTSP connection over");
        fan.stop(&seat);
        let cut_off = matches!(end, End::TooSlow) || matches!(end, End::Told(reason) if takes_back(*reason));
        if cut_off {
            // Refused only for a socket that is closed already.
            let _ = listen::cut_off(seat.socket());
        }
        if let End::Fault(fault) = end {
            parts.stage.metrics.faults.with_label_values(&[super::fault_label(*fault)]).inc();
        }
        // The fan has let go of it, so this closes the sockets. A seat that somebody kept would leave as it is dropped.
        let Some(admitted) = seat.into_admitted() else { return };
        match end {
            End::Told(reason) => admitted.leave(*reason),
            End::Left | End::Played => admitted.leave(EndReason::User),
            // A player that says TEARDOWN and closes at once resets the connection, frames being on their way.
            End::Broken(_) if torn_down => admitted.leave(EndReason::User),
            End::Broken(_) | End::Fault(_) => admitted.leave(EndReason::Network),
            End::TooSlow => admitted.end_session(EndReason::TooSlow),
            End::CameraLost => admitted.end_session(EndReason::CameraLost),
        }
    }
}

/// Ends after which what the kernel still holds must not arrive either.
fn takes_back(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::Expired | EndReason::Revoked | EndReason::Suspended | EndReason::Preempted | EndReason::Anomaly
    )
}

/// The lease's end. The future is entered in its list once; after that the flag it sets is looked at. A task has one waker
/// for all its life, so the entry stays good.
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

/// The camera's first frame, where a DESCRIBE waits for it; its end counts too.
async fn first_frame(describing: &mut Option<Describing>) {
    match describing {
        Some(waiting) => drop(waiting.subscriber.next().await),
        None => std::future::pending().await,
    }
}
