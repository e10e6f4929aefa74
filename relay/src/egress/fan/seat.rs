//! A viewer's place in a stream's fan-out: his sockets, his position in the stream, what is owed to him, and what the task that
//! speaks with him must hear of. Used by one core only.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use media::codec::CodecParams;
use media::frame::{StreamInfo, TrackId};
use media::hub::{Cursor, Published};
use media::wall::Wall;
use smallvec::SmallVec;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use uring::{Engine, File};

use super::outbox::Outbox;
use super::packaging::{Header, Packaging, Unwritable};
use super::reports::Reporter;
use super::udp::Udp;
use crate::admission::Admitted;
use crate::tls::Secure;

/// How much faster than real time a beginner catches up: a group of pictures must not burst a slow link, and he shows it at
/// its own pace anyway.
const START_SPEED: i64 = 4;
/// A beginner who is no further behind than this has caught up.
const CAUGHT_UP_MICROS: i64 = 100_000;

/// A viewer.
pub(crate) struct Seat {
    pub(super) socket: TcpStream,
    pub(super) file: Option<File>,
    pub(super) admitted: Admitted,
    pub(super) flow: RefCell<Flow>,
    /// Where he stands in the fan's list, while he plays.
    pub(super) place: Cell<Option<usize>>,
    trouble: RefCell<Option<Trouble>>,
    /// Wakes the task that speaks with him.
    waker: RefCell<Option<Waker>>,
}

/// Why a viewer's frames cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the viewer did not take what was sent")]
    TooSlow,
    #[error("the stream is over, or another one")]
    Over,
}

/// What a viewer's task is woken for.
pub(crate) enum Attention {
    /// His socket takes more.
    Writable,
    Trouble(Trouble),
}

/// What flows to a viewer.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) play: Option<Play>,
    pub(super) outbox: Outbox,
    /// Where he speaks TLS; what is owed by TCP is sealed already.
    pub(super) secure: Option<Box<Secure>>,
    pub(super) udp: Option<Udp>,
    pub(super) mode: Mode,
    pub(super) reporters: SmallVec<[Reporter; 2]>,
    pub(super) packaging: Packaging,
    /// By MSE: what he knows of the stream.
    pub(super) header: Option<Box<Header>>,
}

/// What a viewer's flow waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// The next frame.
    #[default]
    Live,
    /// Room in one of his sockets, since then.
    Full { since: Duration, udp: bool },
    /// A moment that his pace allows.
    Paced { until: Duration },
    /// His next turn: there is more than one turn may send.
    Turn,
}

/// Between PLAY and its end.
pub(super) struct Play {
    pub(super) cursor: Cursor,
    pub(super) tracks: SmallVec<[TrackId; 2]>,
    /// What was described; frames of another kind end the session.
    pub(super) info: Arc<StreamInfo>,
    /// Frames that were taken from the hub and not yet sent.
    pub(super) held: VecDeque<Arc<Published>>,
    /// Until he has caught up.
    pub(super) pace: Option<Pace>,
    /// Frames that he skipped and has not been told of.
    pub(super) missed: u64,
}

/// The pace of a beginner: as if the frames were captured again, only faster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    began: Duration,
    first: Wall,
}

impl Pace {
    pub(super) fn new(began: Duration, first: Wall) -> Self {
        Self { began, first }
    }

    /// When a frame may leave.
    pub(super) fn due(&self, captured: Wall) -> Duration {
        let after = captured.micros_since(self.first).max(0) / START_SPEED;
        self.began + Duration::from_micros(after.unsigned_abs())
    }

    /// True where a frame is close enough to the newest one.
    pub(super) fn is_over(captured: Wall, newest: Wall) -> bool {
        newest.micros_since(captured) <= CAUGHT_UP_MICROS
    }
}

impl Seat {
    pub(super) fn new(socket: TcpStream, secure: Option<Secure>, admitted: Admitted, engine: &Engine) -> Rc<Self> {
        let file = engine.register(socket.as_fd());
        Rc::new(Self {
            socket,
            file,
            admitted,
            flow: RefCell::new(Flow { secure: secure.map(Box::new), ..Flow::default() }),
            place: Cell::new(None),
            trouble: RefCell::default(),
            waker: RefCell::default(),
        })
    }

    /// The TCP connection.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// True where what is sent to him is sealed; then nothing may leave beside the connection.
    pub(crate) fn is_secure(&self) -> bool {
        self.flow.borrow().secure.is_some()
    }

    /// Ready where `try_read` has something to say.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flow.borrow().secure.as_ref().is_some_and(|secure| secure.has_waiting()) {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_read_ready(cx)
    }

    /// Reads what he said.
    pub(crate) fn try_read(&self, plain: &mut [u8]) -> io::Result<usize> {
        self.read(plain, |bytes| self.socket.try_read(bytes))
    }

    /// As `try_read`, but asks the kernel itself: the runtime may not have heard of the bytes yet.
    pub(crate) fn read_at_once(&self, plain: &mut [u8]) -> io::Result<usize> {
        self.read(plain, |bytes| (&*SockRef::from(&self.socket)).read(bytes))
    }

    fn read(&self, plain: &mut [u8], mut from: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        match &mut self.flow.borrow_mut().secure {
            Some(secure) => secure.read(plain, from),
            None => from(plain),
        }
    }

    /// His last words as they go over the wire, with the end of TLS behind them.
    pub(crate) fn last_words(&self, plain: Vec<u8>) -> Bytes {
        match &mut self.flow.borrow_mut().secure {
            Some(secure) => [secure.seal(&plain), secure.seal_end()].concat().into(),
            None => plain.into(),
        }
    }

    /// The right under which he is here.
    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// Gives the right back, once nobody else has the seat.
    pub(crate) fn into_admitted(self: Rc<Self>) -> Option<Admitted> {
        Rc::try_unwrap(self).ok().map(|seat| seat.admitted)
    }

    /// Gives back the right and the connection, once nobody else has the seat.
    pub(crate) fn into_parts(self: Rc<Self>) -> Option<(TcpStream, Admitted)> {
        Rc::try_unwrap(self).ok().map(|seat| (seat.socket, seat.admitted))
    }

    /// Tells the viewer's task; the first trouble stays.
    pub(super) fn trouble(&self, trouble: Trouble) {
        self.trouble.borrow_mut().get_or_insert(trouble);
        self.wake();
    }

    /// Makes the viewer's task look again at what it waits for.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// What the viewer's task must do something about.
    pub(crate) fn poll_attention(&self, cx: &mut Context<'_>) -> Poll<Attention> {
        if let Some(trouble) = self.trouble.borrow_mut().take() {
            return Poll::Ready(Attention::Trouble(trouble));
        }
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(old) => old.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        drop(waker);
        let flow = self.flow.borrow();
        let Mode::Full { udp, .. } = flow.mode else { return Poll::Pending };
        let writable = match flow.udp.as_ref().filter(|_| udp) {
            Some(udp) => ready!(udp.pair().rtp().poll_send_ready(cx)),
            None => ready!(self.socket.poll_write_ready(cx)),
        };
        Poll::Ready(match writable {
            Ok(()) => Attention::Writable,
            Err(error) => Attention::Trouble(Trouble::Broken(error)),
        })
    }

    /// The kernel said that a socket is full: the runtime, which was not asked, must forget that it was not. The task waits
    /// for room then.
    pub(super) fn fills_up(&self, flow: &mut Flow, now: Duration, udp: bool) {
        let full = || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into());
        let _ = match flow.udp.as_ref().filter(|_| udp) {
            Some(udp) => udp.pair().rtp().try_io(Interest::WRITABLE, full),
            None => self.socket.try_io(Interest::WRITABLE, full),
        };
        let since = if let Mode::Full { since, .. } = flow.mode { since } else { now };
        flow.mode = Mode::Full { since, udp };
        self.wake();
    }

    /// When he last gave a sign of life by UDP, where he has.
    pub(crate) fn heard_at(&self) -> Option<Duration> {
        self.flow.borrow().udp.as_ref().map(Udp::heard_at)
    }
}

/// The same tracks in the same order with the same payload formats, so that a description given before still holds.
/// Parameter sets may differ: they are sent with the frames.
pub(super) fn is_same_kind(a: &StreamInfo, b: &StreamInfo) -> bool {
    a.tracks.len() == b.tracks.len()
        && a.tracks.iter().zip(&b.tracks).all(|(a, b)| {
            let in_frames = matches!(a.params, CodecParams::H264(_) | CodecParams::H265(_) | CodecParams::Mjpeg(_));
            a.clock_rate == b.clock_rate
                && std::mem::discriminant(&a.params) == std::mem::discriminant(&b.params)
                && (in_frames || a.params == b.params)
        })
}

impl Mode {
    /// When there is something to do that nobody will wake for.
    pub(super) fn due(self, now: Duration) -> Duration {
        match self {
            Self::Paced { until } => until,
            Self::Turn => now,
            Self::Live | Self::Full { .. } => Duration::MAX,
        }
    }
}

impl Flow {
    pub(super) fn owes_nothing(&self) -> bool {
        self.outbox.is_empty() && self.udp.as_ref().is_none_or(|udp| !udp.owes())
    }

    /// The tracks that he set up, where one of them carries marks.
    pub(super) fn marked_tracks(&self, info: &StreamInfo) -> Option<SmallVec<[TrackId; 2]>> {
        let tracks: SmallVec<[TrackId; 2]> = self.reporters.iter().map(|r| r.track).collect();
        let carries = |id: &TrackId| info.track(*id).is_some_and(|t| t.params.is_video());
        tracks.iter().any(carries).then_some(tracks)
    }

    /// True while another frame may be taken from the hub.
    pub(super) fn has_room(&self) -> bool {
        self.udp.as_ref().map_or_else(|| self.outbox.has_room(), |udp| !udp.owes())
    }

    /// Puts bytes behind what is owed by TCP.
    pub(super) fn owe(&mut self, bytes: Bytes, media: bool) {
        let bytes = self.sealed(bytes);
        self.outbox.push(bytes, media);
    }

    /// Bytes as they go over the wire to him, by TCP and next.
    pub(super) fn sealed(&mut self, bytes: Bytes) -> Bytes {
        match &mut self.secure {
            Some(secure) if !bytes.is_empty() => secure.seal(&bytes),
            _ => bytes,
        }
    }

    /// What a turn could not send goes before all that is owed.
    pub(super) fn owe_first(&mut self, pieces: Vec<(Bytes, Option<SocketAddr>)>) {
        let datagrams: Vec<_> = pieces.iter().filter_map(|(bytes, to)| Some((bytes.clone(), (*to)?))).collect();
        match &mut self.udp {
            Some(udp) => udp.owe_first(datagrams),
            None => pieces.into_iter().for_each(|(bytes, _)| self.outbox.push(bytes, true)),
        }
    }

    /// What he must get before this frame, if anything.
    pub(super) fn preface(&mut self, published: &Published) -> Result<Option<Bytes>, Unwritable> {
        self.header.as_mut().map_or(Ok(None), |header| header.before(published))
    }

    /// Counts a frame for the reports of its track.
    pub(super) fn count(&mut self, published: &Published, octets: usize) {
        if let Some(reporter) = self.reporters.iter_mut().find(|r| r.track == published.frame.track) {
            reporter.count(published, octets);
        }
    }
}

impl Play {
    /// True where frames may come to him from the fan's own hands.
    pub(super) fn is_in_step(&self) -> bool {
        self.held.is_empty() && self.pace.is_none() && self.cursor.takes_next()
    }

    /// The frame belongs to what was described. False is the end.
    pub(super) fn accepts(&mut self, published: &Published) -> bool {
        if Arc::ptr_eq(&published.info, &self.info) {
            return true;
        }
        let same = is_same_kind(&published.info, &self.info);
        if same {
            self.info = Arc::clone(&published.info);
        }
        same
    }

    /// He wants this frame's track.
    pub(super) fn wants(&self, published: &Published) -> bool {
        self.tracks.contains(&published.frame.track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginner_catches_up_in_a_quarter_of_the_time() {
        let second = Duration::from_secs(1);
        let pace = Pace::new(10 * second, Wall::from_micros(50_000_000));
        assert_eq!(pace.due(Wall::from_micros(50_000_000)), 10 * second, "the keyframe at once");
        assert_eq!(pace.due(Wall::from_micros(54_000_000)), 11 * second);
        assert_eq!(pace.due(Wall::from_micros(0)), 10 * second, "a clock that leapt back delays nothing");
        assert!(Pace::is_over(Wall::from_micros(54_000_000), Wall::from_micros(54_100_000)));
        assert!(!Pace::is_over(Wall::from_micros(54_000_000), Wall::from_micros(55_000_000)));
    }
}
