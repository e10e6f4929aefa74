//! The hub's promises: a reader starts at the newest keyframe, one that falls behind is told and goes on at a keyframe, the
//! ring keeps its bounds, nobody is woken twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;

use super::ring::FRAME_COST_BYTES;
use super::{Budget, Delivery, Hub, HubLimits, Lag, Start, Subscriber};
use crate::codec::{CodecParams, g711, mjpeg};
use crate::frame::{Frame, StreamInfo, Track, TrackId};
use crate::wall::Wall;

const LIMITS: HubLimits = HubLimits { ring_bytes_max: 100_000, history_micros: 1_000_000 };

fn video() -> Arc<StreamInfo> {
    let params = CodecParams::Mjpeg(mjpeg::Params { width: 64, height: 64 });
    StreamInfo::shared(0, vec![Track { id: TrackId(0), clock_rate: 90_000, params }])
}

fn audio() -> Arc<StreamInfo> {
    let params = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
    StreamInfo::shared(0, vec![Track { id: TrackId(0), clock_rate: 8_000, params }])
}

/// A frame of 100 bytes; `at` is its number and its time in units of 100 ms.
fn frame(at: i64, keyframe: bool) -> Frame {
    Frame {
        track: TrackId(0),
        pts: at,
        wall: Wall::from_micros(at * 100_000),
        keyframe,
        discontinuity: false,
        payload: Bytes::from(vec![0; 100]),
    }
}

/// A hub of frames `0..count`, a keyframe at each multiple of `gop`.
fn filled(limits: HubLimits, count: i64, gop: i64) -> Arc<Hub> {
    let (hub, info) = (Hub::new(limits, 1), video());
    for at in 0..count {
        hub.publish(frame(at, at % gop == 0), &info);
    }
    hub
}

/// Frames as their numbers, lags as negative counts.
fn drain(reader: &mut Subscriber) -> Vec<i64> {
    std::iter::from_fn(|| reader.try_next())
        .map(|delivery| match delivery {
            Delivery::Frame(published) => published.frame.pts,
            Delivery::Lagged { frames, .. } => 0_i64.saturating_sub_unsigned(frames),
        })
        .collect()
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_reader_starts_where_it_asked() {
    let hub = filled(LIMITS, 25, 10);
    let mut last = hub.subscribe(Start::LastKeyframe, Budget::default());
    assert_eq!(drain(&mut last), [20, 21, 22, 23, 24]);
    let mut oldest = hub.subscribe(Start::Oldest, Budget::default());
    // A second of history behind frame 24, and the keyframe that its GOP began with.
    assert_eq!(drain(&mut oldest), (14..25).collect::<Vec<_>>());
    let mut live = hub.subscribe(Start::Live, Budget::default());
    assert_eq!(drain(&mut live), [0_i64; 0]);
    hub.publish(frame(25, false), &video());
    assert_eq!(drain(&mut live), [25]);
}

#[test]
fn without_a_keyframe_a_reader_waits_for_one_in_silence() {
    let (hub, info) = (Hub::new(LIMITS, 1), video());
    let mut early = hub.subscribe(Start::LastKeyframe, Budget::default());
    hub.publish(frame(1, false), &info);
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget::default());
    hub.publish(frame(2, false), &info);
    assert_eq!((drain(&mut early), drain(&mut reader)), (vec![], vec![]));
    hub.publish(frame(3, true), &info);
    hub.publish(frame(4, false), &info);
    assert_eq!((drain(&mut early), drain(&mut reader)), (vec![3, 4], vec![3, 4]));
}

#[test]
fn sound_alone_begins_anywhere() {
    let (hub, info) = (Hub::new(LIMITS, 1), audio());
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget::default());
    hub.publish(frame(0, false), &info);
    assert_eq!(drain(&mut reader), [0]);
    for at in 1..50 {
        hub.publish(frame(at, false), &info);
    }
    // The next frame has left the ring; what follows needs no keyframe.
    assert_eq!(drain(&mut reader), [0_i64; 0]);
    hub.publish(frame(50, false), &info);
    assert_eq!(drain(&mut reader), [-49, 50]);
}

#[test]
fn a_reader_behind_by_bytes_goes_on_at_the_newest_keyframe() {
    let (hub, info) = (filled(LIMITS, 1, 10), video());
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget { bytes_max: 850, ..Budget::default() });
    assert_eq!(drain(&mut reader), [0]);
    for at in 1..=8 {
        hub.publish(frame(at, false), &info);
    }
    // 800 bytes behind, within budget.
    let Some(Delivery::Frame(next)) = reader.try_next() else { panic!("within budget") };
    assert_eq!(next.frame.pts, 1);
    for at in 9..=12 {
        hub.publish(frame(at, at == 10), &info);
    }
    // 1100 bytes behind: 2..=9 are passed over.
    assert_eq!(drain(&mut reader), [-8, 10, 11, 12]);
}

#[test]
fn a_reader_behind_by_age_goes_on_at_the_newest_keyframe() {
    let (hub, info) = (filled(LIMITS, 1, 10), video());
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget { age_micros_max: 500_000, ..Budget::default() });
    assert_eq!(drain(&mut reader), [0]);
    for at in 1..=7 {
        hub.publish(frame(at, at == 5), &info);
    }
    assert_eq!(drain(&mut reader), [-4, 5, 6, 7], "frame 1 is 600 ms older than frame 7");
}

#[test]
fn the_newest_group_of_pictures_is_never_skipped() {
    let (hub, info) = (filled(LIMITS, 1, 1), video());
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget { bytes_max: 1, age_micros_max: 1 });
    for at in 1..=20 {
        hub.publish(frame(at, false), &info);
    }
    assert_eq!(drain(&mut reader), (0..=20).collect::<Vec<_>>());
}

#[test]
fn a_reader_behind_the_ring_waits_for_a_keyframe_and_is_told_once() {
    // Room for ten frames: the keyframe falls out while its group is still going on.
    let limits = HubLimits { ring_bytes_max: 10 * (100 + FRAME_COST_BYTES), history_micros: 0 };
    let (hub, info) = (filled(limits, 1, 1), video());
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget::default());
    assert_eq!(drain(&mut reader), [0]);
    for at in 1..=30 {
        hub.publish(frame(at, false), &info);
    }
    assert_eq!(drain(&mut reader), [0_i64; 0]);
    hub.publish(frame(31, false), &info);
    assert_eq!(drain(&mut reader), [0_i64; 0]);
    hub.publish(frame(32, true), &info);
    hub.publish(frame(33, false), &info);
    assert_eq!(drain(&mut reader), [-31, 32, 33]);
}

#[test]
fn the_ring_keeps_to_its_bytes_whatever_the_size_of_frames() {
    let limits = HubLimits { ring_bytes_max: 10_000, history_micros: i64::MAX };
    for payload in [0, 1, 100, 3_000] {
        let (hub, info) = (Hub::new(limits, 1), video());
        for at in 0..1_000 {
            hub.publish(Frame { payload: Bytes::from(vec![0; payload]), ..frame(at, at == 0) }, &info);
            assert!(hub.ring_bytes() <= limits.ring_bytes_max, "{} with frames of {payload}", hub.ring_bytes());
        }
        let mut oldest = hub.subscribe(Start::Oldest, Budget::default());
        let expected = limits.ring_bytes_max / (payload + FRAME_COST_BYTES);
        assert_eq!(drain(&mut oldest).len(), expected, "frames of {payload}");
    }
    // One frame larger than the ring is kept alone.
    let hub = filled(limits, 3, 1);
    hub.publish(Frame { payload: Bytes::from(vec![0; 50_000]), ..frame(3, true) }, &video());
    assert_eq!(drain(&mut hub.subscribe(Start::Oldest, Budget::default())), [3]);
}

#[test]
fn history_is_kept_by_time_and_the_last_group_whole() {
    let hub = filled(HubLimits { history_micros: 0, ..LIMITS }, 25, 10);
    assert_eq!(drain(&mut hub.subscribe(Start::Oldest, Budget::default())), [20, 21, 22, 23, 24]);
    // A wall clock that leaps keeps nothing longer.
    let far = Frame { wall: Wall::from_micros(i64::MIN), ..frame(25, true) };
    hub.publish(far, &video());
    assert_eq!(drain(&mut hub.subscribe(Start::Oldest, Budget::default())), [25]);
}

#[test]
fn a_waiting_reader_is_woken_exactly_once() {
    let (hub, info) = (Hub::new(LIMITS, 1), video());
    let (mut reader, mut idle) =
        (hub.subscribe(Start::Live, Budget::default()), hub.subscribe(Start::Live, Budget::default()));
    let (count, other) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    for _ in 0..3 {
        assert!(matches!(reader.poll_next(&mut context), Poll::Pending));
    }
    hub.publish(frame(0, true), &info);
    hub.publish(frame(1, false), &info);
    assert_eq!(count.times(), 1, "it has not polled again");
    assert_eq!(drain(&mut reader), [0, 1]);
    assert!(matches!(reader.poll_next(&mut context), Poll::Pending));
    // The newest waker counts.
    let newer = Waker::from(Arc::clone(&other));
    assert!(matches!(reader.poll_next(&mut Context::from_waker(&newer)), Poll::Pending));
    hub.publish(frame(2, false), &info);
    assert_eq!((count.times(), other.times()), (1, 1));
    assert_eq!(drain(&mut idle), [0, 1, 2]);
}

#[test]
fn a_dropped_reader_is_not_woken_and_its_place_is_used_again() {
    let (hub, info) = (Hub::new(LIMITS, 1), video());
    let mut reader = hub.subscribe(Start::Live, Budget::default());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(matches!(reader.poll_next(&mut Context::from_waker(&waker)), Poll::Pending));
    assert_eq!(hub.readers(), 1);
    drop(reader);
    assert_eq!(hub.readers(), 0);
    let mut next = hub.subscribe(Start::Live, Budget::default());
    assert!(matches!(next.poll_next(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    hub.publish(frame(0, true), &info);
    assert_eq!((count.times(), hub.readers()), (0, 1));
    assert_eq!(drain(&mut next), [0]);
}

#[test]
fn a_closed_hub_gives_what_it_has_then_ends() {
    let hub = filled(LIMITS, 3, 10);
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget::default());
    let mut waiting = hub.subscribe(Start::Live, Budget::default());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert!(matches!(waiting.poll_next(&mut context), Poll::Pending));
    hub.close();
    assert_eq!(count.times(), 1);
    assert!(matches!(waiting.poll_next(&mut context), Poll::Ready(None)));
    assert!(!reader.ended());
    assert_eq!(drain(&mut reader), [0, 1, 2]);
    assert!(reader.ended());
    assert!(matches!(reader.poll_next(&mut context), Poll::Ready(None)));
}

#[test]
fn a_closed_hub_still_tells_what_was_missed() {
    let limits = HubLimits { ring_bytes_max: 4 * (100 + FRAME_COST_BYTES), history_micros: 0 };
    let (hub, info) = (filled(limits, 1, 1), video());
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget::default());
    assert_eq!(drain(&mut reader), [0]);
    for at in 1..=10 {
        hub.publish(frame(at, false), &info);
    }
    hub.close();
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(
        reader.poll_next(&mut context),
        Poll::Ready(Some(Delivery::Lagged { frames: 10, why: Lag::Ring }))
    ));
    assert!(matches!(reader.poll_next(&mut context), Poll::Ready(None)));
}

#[test]
fn rtp_numbers_go_on_from_frame_to_frame() {
    let (hub, info) = (Hub::new(LIMITS, 7), audio());
    let mut next: Option<(u16, u32)> = None;
    for at in 0..200i64 {
        let payload = Bytes::from(vec![1; 1 + usize::try_from(at).unwrap() * 20]);
        let published = hub.publish(Frame { payload, pts: at * 160, ..frame(at, false) }, &info);
        let rtp = published.rtp;
        if let Some((sequence, timestamp)) = next {
            assert_eq!((rtp.first_sequence, rtp.timestamp), (sequence, timestamp), "frame {at}");
        }
        let mut built = 0;
        let image = published.interleaved(|bytes| built += bytes);
        assert_eq!(built, image.bytes().len());
        assert_eq!(crate::rtp::datagrams(image.bytes()).count(), usize::from(rtp.packets));
        assert!(std::ptr::eq(image, published.interleaved(|_| panic!("built twice"))));
        next = Some((rtp.first_sequence.wrapping_add(rtp.packets), rtp.timestamp.wrapping_add(160)));
    }
    let other = Hub::new(LIMITS, 8).publish(frame(0, false), &info).rtp;
    assert_ne!(hub.rtp_offset(TrackId(0)).map(|(ssrc, _)| ssrc), Some(other.ssrc));
}

#[test]
fn what_a_keeping_reader_has_not_read_stays_within_the_rings_bytes() {
    let hub = filled(LIMITS, 1, 10);
    let mut reader = hub.subscribe(Start::LastKeyframe, Budget::default());
    reader.keep_unread();
    let info = video();
    (1..200).for_each(|at| drop(hub.publish(frame(at, at % 10 == 0), &info)));
    assert_eq!(drain(&mut reader), (0..200).collect::<Vec<_>>(), "twenty groups, all unread");
    (200..210).for_each(|at| drop(hub.publish(frame(at, at % 10 == 0), &info)));
    assert!(hub.ring_bytes() <= 30 * (100 + FRAME_COST_BYTES), "what was read is let go");
    (210..2000).for_each(|at| drop(hub.publish(frame(at, at % 10 == 0), &info)));
    assert!(hub.ring_bytes() <= LIMITS.ring_bytes_max);
    assert!(drain(&mut reader).iter().any(|seen| *seen < 0), "beyond its bytes frames are lost, and told");
    drop(reader);
    (2000..2030).for_each(|at| drop(hub.publish(frame(at, at % 10 == 0), &info)));
    assert!(hub.ring_bytes() <= 30 * (100 + FRAME_COST_BYTES), "a reader that left keeps nothing");
}
