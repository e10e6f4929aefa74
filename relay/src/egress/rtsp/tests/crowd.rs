//! Many viewers of one stream, and who joins them.

use std::time::Duration;

use media::mark::{Finder, MarkKey};

use super::assert_contiguous;
use super::rig::{self, MARK_SECRET, Rig, TOKEN};
use super::viewer::Viewer;
use crate::config::Config;
use crate::lease::{EndReason, SessionEvent, TOKEN_BYTES};

/// More than one call to the kernel takes.
const CROWD: u16 = 300;

fn token_of(number: u16) -> [u8; TOKEN_BYTES] {
    let mut token = [0x5a; TOKEN_BYTES];
    token[..2].copy_from_slice(&number.to_be_bytes());
    token
}

async fn crowd(rig: &Rig, size: u16) -> Vec<Viewer> {
    let mut viewers = Vec::new();
    for number in 0..size {
        rig.lease_with(&format!("viewer {number}"), token_of(number));
        viewers.push(Viewer::playing(rig.address(), &rig::token(token_of(number))).await);
    }
    viewers
}

#[tokio::test]
async fn each_of_a_crowd_gets_every_frame_with_his_own_mark_and_no_other() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    let mut viewers = crowd(&rig, CROWD).await;
    let mut seen = vec![Vec::new(); viewers.len()];
    for _ in 0..6 {
        let last = rig.publish(10).pop().unwrap();
        for (viewer, seen) in viewers.iter_mut().zip(&mut seen) {
            seen.extend(viewer.video_until(&last).await);
        }
    }
    let key = MarkKey::new(&MARK_SECRET);
    for (number, packets) in (0..CROWD).zip(&seen) {
        assert_contiguous(packets);
        let payloads: Vec<u8> = packets.iter().flat_map(|p| p.payload.clone()).collect();
        let mut marks = Vec::new();
        Finder::default().push(&payloads, &mut |found| marks.push(key.read(&found.text).unwrap().session));
        assert!(marks.len() >= 2, "viewer {number}: {} marks in three groups of pictures", marks.len());
        assert!(marks.iter().all(|mark| *mark == Rig::mark_of(&token_of(number))), "viewer {number}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_stuck_ones_of_a_crowd_are_ended_and_the_others_lose_nothing() {
    let config = Config { send_buffer_bytes: 16 << 10, stuck_timeout: Duration::from_millis(300), ..Config::default() };
    let mut rig = Rig::start(config).await;
    rig.publish(30);
    let mut stuck = Vec::new();
    for number in 1_000..1_008 {
        rig.lease_with(&format!("stuck {number}"), token_of(number));
        stuck.push(Viewer::playing_small(rig.address(), &rig::token(token_of(number))).await);
    }
    let mut viewers = crowd(&rig, 40).await;
    let mut seen = vec![Vec::new(); viewers.len()];
    let mut ended = 0;
    while ended < stuck.len() {
        let last = rig.publish_heavy(5).pop().unwrap();
        for (viewer, seen) in viewers.iter_mut().zip(&mut seen) {
            seen.extend(viewer.video_until(&last).await);
        }
        while let Some(event) = rig.ready_event() {
            if let SessionEvent::Closed { session, reason, .. } = event {
                assert!(session.0.starts_with("stuck") && reason == EndReason::TooSlow, "{session:?} {reason:?}");
                ended += 1;
            }
        }
    }
    seen.iter().for_each(|packets| assert_contiguous(packets));
    rig.stop().await;
}

#[tokio::test]
async fn a_beginner_is_paced_and_loses_nothing_when_the_next_keyframe_comes() {
    let mut rig = Rig::start(Config::default()).await;
    rig.begin_before(Duration::from_millis(2_960));
    let history = rig.publish(74);
    rig.lease();
    let began = rig.now();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    // The next group begins while he is far behind, and the hub forgets the one before.
    let last = rig.publish(20).pop().unwrap();
    let video = viewer.video_until(&last).await;
    assert_contiguous(&video);
    assert_eq!(video[0].timestamp, history[0].rtp.timestamp, "the newest keyframe at PLAY");
    assert!(rig.now() - began >= Duration::from_millis(700), "three seconds came in {:?}", rig.now() - began);
    assert_eq!(rig.counter("sluice_viewer_skips_total"), 0.0);
    rig.stop().await;
}
