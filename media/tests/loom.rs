//! The hub's ring and wakers under every order of events that two or three threads can make: no wake-up is lost, no frame is
//! seen twice or out of order, and an end is always heard. Run by `make loom`; without the feature there is nothing here.

#![allow(missing_docs)]

use std::sync::Arc;

use bytes::Bytes;
use loom::future::block_on;
use loom::thread;
use media::codec::{CodecParams, g711};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::hub::{Budget, Delivery, Hub, HubLimits, Start, Subscriber};
use media::wall::Wall;

fn info() -> Arc<StreamInfo> {
    let params = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
    StreamInfo::shared(0, vec![Track { id: TrackId(0), clock_rate: 8_000, params }])
}

fn publish(hub: &Hub, info: &Arc<StreamInfo>, number: i64) {
    let wall = Wall::from_micros(number);
    let payload = Bytes::from_static(b"x");
    hub.publish(Frame { track: TrackId(0), pts: number, wall, keyframe: false, discontinuity: false, payload }, info);
}

/// All frames until the end, each wait a real one: a lost wake-up is a deadlock, which loom reports.
fn read_to_end(mut reader: Subscriber) -> Vec<i64> {
    let mut seen = Vec::new();
    while let Some(delivery) = block_on(reader.next()) {
        match delivery {
            Delivery::Frame(published) => seen.push(published.frame.pts),
            Delivery::Lagged { .. } => panic!("the ring is large enough"),
        }
    }
    seen
}

#[test]
fn a_reader_hears_every_frame_and_the_end() {
    loom::model(|| {
        let hub = Hub::new(HubLimits::default(), 1);
        let reader = hub.subscribe(Start::Live, Budget::default());
        let reading = thread::spawn(move || read_to_end(reader));
        let info = info();
        publish(&hub, &info, 0);
        publish(&hub, &info, 1);
        hub.close();
        assert_eq!(reading.join().unwrap(), [0, 1]);
    });
}

#[test]
fn a_reader_that_leaves_takes_nobody_elses_wake_up() {
    loom::model(|| {
        let hub = Hub::new(HubLimits::default(), 1);
        let stays = hub.subscribe(Start::Live, Budget::default());
        let mut leaves = hub.subscribe(Start::Live, Budget::default());
        let reading = thread::spawn(move || read_to_end(stays));
        let leaving = thread::spawn(move || {
            // Registers as waiting at most once, then goes.
            let waker = std::task::Waker::noop();
            let _ = leaves.poll_next(&mut std::task::Context::from_waker(waker));
            drop(leaves);
        });
        publish(&hub, &info(), 0);
        hub.close();
        leaving.join().unwrap();
        assert_eq!(reading.join().unwrap(), [0]);
        assert_eq!(hub.readers(), 0);
    });
}

#[test]
fn a_reader_that_comes_while_frames_do_begins_somewhere_and_misses_nothing_from_there() {
    loom::model(|| {
        let hub = Hub::new(HubLimits::default(), 1);
        let late = Arc::clone(&hub);
        let reading = thread::spawn(move || read_to_end(late.subscribe(Start::Live, Budget::default())));
        let info = info();
        publish(&hub, &info, 0);
        publish(&hub, &info, 1);
        hub.close();
        let seen = reading.join().unwrap();
        assert!(seen == [0, 1] || seen == [1] || seen.is_empty(), "{seen:?}");
    });
}
