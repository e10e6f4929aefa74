//! Where a playback is in its recording: what is asked of the disk, what has been read and waits for its time, and who waits for it.
//! A few fragments at most are in memory. Deliberately absent: sockets, and the answers' words.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use media::frame::{Frame, StreamInfo, TrackId};
use media::id::StreamKey;
use media::rtsp::{Asked, Instant, RequestId, Scale, Status, Unit};
use media::stretch::{Seek, Stretch};
use media::wall::Wall;

use super::course::Course;
use crate::core::Placed;
use crate::recording::{Read, Reading, Recordings, Unreadable};

/// Beyond this pace either way keyframes alone are played: nobody can look at more, and no link could carry it.
const EVERY_FRAME_MILLI_MAX: i64 = 2_000;
/// Keyframes of a fast pace that are played in a second.
const KEYFRAMES_PER_SECOND: i64 = 8;
/// The next fragment is read once no more frames than this wait.
const FRAMES_LOW: usize = 12;
/// How long after the end of what is recorded to look again, where the range is not over yet.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// What was captured is on disk by then.
const SETTLED: Duration = Duration::from_secs(3);

/// What a playback is of.
pub(in crate::egress::rtsp) struct Opened {
    pub(in crate::egress::rtsp) recordings: Arc<dyn Recordings>,
    pub(in crate::egress::rtsp) stream: StreamKey,
    pub(in crate::egress::rtsp) from: Wall,
    pub(in crate::egress::rtsp) to: Wall,
    /// Its place on a core, held until its end.
    pub(in crate::egress::rtsp) _place: Placed,
}

/// A playback.
pub(super) struct Playhead {
    opened: Opened,
    reader: Option<Box<dyn Reading>>,
    read: Option<Read>,
    waiting: Option<Waiting>,
    queue: VecDeque<Waits>,
    course: Course,
    ask: Ask,
    /// The frame that was played last was captured then.
    last: Option<Wall>,
    /// Its furthest place on the viewer's line.
    played: Option<i64>,
    /// The frame that was read last and is played, or was.
    furthest: Option<Wall>,
    running: bool,
    /// Nothing more comes in this direction, unless looked for again at that time.
    at_end: Option<Option<Duration>>,
}

/// A frame that has been read.
struct Waits {
    info: Arc<StreamInfo>,
    frame: Frame,
    micros: i64,
}

/// Who waits for a read.
enum Waiting {
    Description(RequestId),
    Play(RequestId),
}

/// What a PLAY asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) unit: Unit,
    pub(super) scale: Scale,
    /// Where it ends: the first instant that is not played any more, or backwards the last that is.
    pub(super) until: Wall,
}

/// What a finished read means for the viewer.
pub(super) enum Told {
    /// Nothing; frames have come, or not.
    Nothing,
    /// The description that was asked for.
    Description(RequestId, Result<Arc<StreamInfo>, Status>),
    /// The place that PLAY asked for: the first frame there, or why there is none.
    Found(RequestId, Result<Wall, Status>),
}

/// What comes next.
pub(super) enum Next {
    Frame(Arc<StreamInfo>, Frame),
    Until(Duration),
    /// Once a read is over.
    Later,
    /// The range has been played to its end.
    Over,
}

impl Playhead {
    pub(super) fn new(opened: Opened) -> Self {
        let ask = Ask { unit: Unit::Clock, scale: Scale::default(), until: opened.to };
        Self {
            opened,
            reader: None,
            read: None,
            waiting: None,
            queue: VecDeque::new(),
            course: Course::new(),
            ask,
            last: None,
            played: None,
            furthest: None,
            running: false,
            at_end: None,
        }
    }

    /// The whole range.
    pub(super) fn range(&self) -> (Wall, Wall) {
        (self.opened.from, self.opened.to)
    }

    pub(super) fn asked(&self) -> Ask {
        self.ask
    }

    pub(super) fn describe(&mut self, request: RequestId) {
        self.waiting = Some(Waiting::Description(request));
        self.seek(Seek::At(self.opened.from));
    }

    /// True where PLAY goes on with what was paused, or with what plays: it names neither place nor another pace.
    pub(super) fn goes_on(&self, range: Option<Asked>, scale: Option<Scale>) -> bool {
        range.is_none() && scale.is_none_or(|scale| scale == self.ask.scale) && self.last.is_some()
    }

    /// Goes to the place that PLAY names. It is answered once the first frame there is known.
    pub(super) fn play(
        &mut self,
        request: RequestId,
        range: Option<Asked>,
        scale: Option<Scale>,
    ) -> Result<(), Status> {
        let (from, to) = self.range();
        let scale = scale.unwrap_or(if range.is_some() { Scale::default() } else { self.ask.scale });
        let backwards = scale.milli() < 0;
        let start = if backwards { to } else { from };
        let instant = |instant: Instant, now: Wall| match instant {
            Instant::Clock(wall) => wall,
            Instant::FromStart(micros) => Wall::from_micros(from.micros().saturating_add(micros)),
            Instant::Now => now,
        };
        let here = self.last.unwrap_or(start);
        let begin = range.map_or(here, |range| range.from.map_or(here, |at| instant(at, here)));
        let (begin, end) = (begin.clamp(from, to), if backwards { from } else { to });
        let until = range.and_then(|range| range.to).map_or(end, |at| instant(at, to)).clamp(from, to);
        let nothing = if backwards { begin <= until } else { begin >= until };
        if nothing {
            return Err(Status::InvalidRange);
        }
        self.ask = Ask { unit: range.map_or(self.ask.unit, |range| range.unit), scale, until };
        self.queue.clear();
        (self.running, self.at_end) = (false, None);
        self.course.begin(scale, self.played);
        self.waiting = Some(Waiting::Play(request));
        // The last instant before the end has a picture, the end itself has none.
        let at = if backwards { begin.micros().saturating_sub(1) } else { begin.micros() };
        self.seek(Seek::At(Wall::from_micros(at)));
        Ok(())
    }

    /// Gives a read that is under way up, and begins another.
    fn seek(&mut self, seek: Seek) {
        let opened = &self.opened;
        let reader = self.reader.take();
        let reader = reader.unwrap_or_else(|| opened.recordings.open(&opened.stream, opened.from, opened.to));
        self.read = Some(reader.read(seek));
    }

    /// Frames may leave from now on.
    pub(super) fn start(&mut self) {
        if !std::mem::replace(&mut self.running, true) {
            self.course.resume();
        }
    }

    pub(super) fn pause(&mut self) {
        self.running = false;
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// What PLAY asked for goes to the end of the range, and not only to a place within.
    pub(super) fn plays_to_the_end(&self) -> bool {
        let (from, to) = self.range();
        self.ask.until == if self.ask.scale.milli() < 0 { from } else { to }
    }

    /// Where PLAY goes on.
    pub(super) fn here(&self) -> Wall {
        self.queue.front().map(|waits| waits.frame.wall).or(self.last).unwrap_or(self.opened.from)
    }

    /// The place on the viewer's line of the first frame of a track that waits.
    pub(super) fn first_of(&self, track: TrackId) -> Option<i64> {
        self.queue.iter().find(|waits| waits.frame.track == track).map(|waits| waits.frame.pts)
    }

    /// A read is over.
    pub(super) fn handle_read(
        &mut self,
        (reader, read): (Box<dyn Reading>, Result<Option<Stretch>, Unreadable>),
        (now, wall): (Duration, Wall),
    ) -> Told {
        (self.reader, self.read) = (Some(reader), None);
        let read = read.map_err(|error| {
            tracing::error!(%error, camera = %self.opened.stream.camera, "a recording could not be played");
            Status::InternalServerError
        });
        match self.waiting.take() {
            Some(Waiting::Description(request)) => {
                let found = read.and_then(|stretch| stretch.ok_or(Status::NotFound));
                Told::Description(request, found.map(|stretch| stretch.info))
            }
            Some(Waiting::Play(request)) => {
                let found = read.and_then(|stretch| stretch.ok_or(Status::InvalidRange));
                let first = found.and_then(|stretch| {
                    self.take(stretch);
                    self.queue.front().map(|waits| waits.frame.wall).ok_or(Status::InvalidRange)
                });
                Told::Found(request, first)
            }
            None => {
                match read {
                    Ok(Some(stretch)) => self.take(stretch),
                    Ok(None) if self.may_grow(wall) => self.at_end = Some(Some(now + LOOK_AGAIN)),
                    // Said in the log; what was played stays played.
                    Ok(None) | Err(_) => self.at_end = Some(None),
                }
                Told::Nothing
            }
        }
    }

    /// More of the range may still be recorded.
    fn may_grow(&self, wall: Wall) -> bool {
        self.ask.scale.milli() > 0 && self.ask.until + SETTLED > wall
    }

    fn take(&mut self, stretch: Stretch) {
        let Stretch { info, frames, follows } = stretch;
        let milli = self.ask.scale.milli();
        if !follows && !self.keyframes_only() {
            self.course.join();
        }
        let mut taken = 0;
        for mut frame in frames {
            let Some(track) = info.track(frame.track) else { continue };
            let beyond = if milli < 0 { frame.wall < self.ask.until } else { frame.wall >= self.ask.until };
            if beyond {
                // Pictures are not in the order of time; the few behind are not worth looking for.
                self.at_end = Some(None);
                break;
            }
            // Sound at another pace is noise.
            let left_out = (milli != 1_000 && !track.params.is_video()) || (self.keyframes_only() && !frame.keyframe);
            if left_out || (self.keyframes_only() && taken > 0) {
                continue;
            }
            let leads = info.video().is_none_or(|video| video.id == track.id);
            let (pts, rate) = (frame.pts, track.clock_rate);
            let place = if leads { self.course.place(pts, rate) } else { self.course.follow(pts, rate) };
            self.furthest = Some(frame.wall);
            frame.pts = place.pts;
            self.queue.push_back(Waits { info: Arc::clone(&info), frame, micros: place.micros });
            taken += 1;
        }
    }

    fn keyframes_only(&self) -> bool {
        !(1..=EVERY_FRAME_MILLI_MAX).contains(&self.ask.scale.milli())
    }

    /// What follows what was read last.
    fn following(&self) -> Seek {
        let milli = self.ask.scale.milli();
        if !self.keyframes_only() {
            return Seek::Next;
        }
        // Microseconds of the recording from one keyframe to the next.
        let stride = milli.saturating_mul(1_000) / KEYFRAMES_PER_SECOND;
        let next = Wall::from_micros(self.furthest.unwrap_or(self.opened.from).micros().saturating_add(stride));
        if milli < 0 { Seek::KeyframeBefore(next) } else { Seek::KeyframeFrom(next) }
    }

    /// What is due, and what is to be waited for. Begins to read where little is left.
    pub(super) fn next(&mut self, now: Duration) -> Next {
        if !self.running {
            return Next::Later;
        }
        let look_again = matches!(self.at_end, Some(Some(at)) if at <= now);
        if self.read.is_none() && self.queue.len() <= FRAMES_LOW && (self.at_end.is_none() || look_again) {
            self.at_end = None;
            self.seek(self.following());
        }
        let Some(first) = self.queue.front() else {
            return match self.at_end {
                Some(None) => Next::Over,
                Some(Some(at)) => Next::Until(at),
                None => Next::Later,
            };
        };
        let due = self.course.due(first.micros, now);
        match self.queue.pop_front() {
            Some(Waits { info, frame, micros }) if due <= now => {
                self.played = self.played.max(Some(micros));
                self.last = Some(frame.wall);
                Next::Frame(info, frame)
            }
            Some(waits) => {
                self.queue.push_front(waits);
                Next::Until(due)
            }
            None => Next::Later,
        }
    }
}

/// The read that is under way, once it is over; never where there is none.
pub(super) async fn read_over(
    playhead: &mut Option<Box<Playhead>>,
) -> (Box<dyn Reading>, Result<Option<Stretch>, Unreadable>) {
    match playhead.as_mut().and_then(|playhead| playhead.read.as_mut()) {
        Some(read) => read.await,
        None => std::future::pending().await,
    }
}
