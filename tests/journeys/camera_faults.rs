//! What cameras do to people: they stop, and come back as if they had never met us. Viewers stay and go on at the next
//! keyframe; the gap is in the timeline with its reason; the metrics tell.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::harness::appliance::Appliance;
use crate::harness::camera::GstCamera;
use crate::harness::eventually;
use crate::harness::media::make_clip;

const SMALL: &str =
    "-f lavfi -i testsrc2=size=320x240:rate=25:duration=40 -c:v libx264 -preset veryfast -bf 0 -g 25 -b:v 200k";
const LARGE: &str =
    "-f lavfi -i testsrc2=size=640x360:rate=25:duration=40 -c:v libx264 -preset veryfast -bf 0 -g 25 -b:v 400k";

#[test]
fn a_camera_that_comes_back_another_size_keeps_its_viewer() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (small, large) = (dir.path().join("small.mp4"), dir.path().join("large.mp4"));
    make_clip(&small, SMALL);
    make_clip(&large, LARGE);
    let appliance = Appliance::start();
    let mut camera = serve(&small, 0);
    let port = camera.url("cam").split(':').nth(2).and_then(|p| p.split('/').next()?.parse().ok()).expect("a port");
    appliance.add_camera("back", &camera.url("cam"));
    appliance.wait_for_camera("back");

    let mut viewer = Viewer::watch(&appliance, "back");
    viewer.see(25);

    camera.kill();
    eventually("the camera is down", Duration::from_secs(30), || {
        (appliance.metric("sluice_camera_up{camera=\"back\"}")? < 0.5).then_some(())
    });
    camera = serve(&large, port);
    appliance.wait_for_camera("back");
    viewer.see(50);
    camera.kill();

    let operator = appliance.login("operator");
    let (status, timeline) = operator.get("/api/v1/cameras/back/timeline");
    assert_eq!(status, 200, "{timeline}");
    let gaps = timeline["gaps"].as_array().expect("gaps");
    assert!(
        gaps.iter().any(|g| g["reason"].as_str().is_some_and(|r| !r.is_empty())),
        "a gap with a reason: {timeline}"
    );
    let (_, camera) = operator.get("/api/v1/cameras/back");
    assert!(camera["device_status"].as_str().is_some() || camera["device_status"].is_object(), "{camera}");
}

#[test]
fn a_camera_that_stalls_is_found_out_and_its_viewer_goes_on() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let clip = dir.path().join("small.mp4");
    make_clip(&clip, SMALL);
    let appliance = Appliance::start();
    let camera = serve(&clip, 0);
    appliance.add_camera("stall", &camera.url("cam"));
    appliance.wait_for_camera("stall");
    let mut viewer = Viewer::watch(&appliance, "stall");
    viewer.see(25);

    camera.hold();
    let reconnects = "sluice_camera_reconnects_total{camera=\"stall\",reason=\"stalled_video\"}";
    eventually("the stall is found out", Duration::from_secs(40), || {
        (appliance.metric(reconnects)? > 0.5).then_some(())
    });
    assert!(appliance.metric("sluice_camera_up{camera=\"stall\"}").is_some_and(|up| up < 0.5), "up while stalled");
    camera.release();
    appliance.wait_for_camera("stall");
    viewer.see(50);

    let (status, timeline) = appliance.login("operator").get("/api/v1/cameras/stall/timeline");
    assert_eq!(status, 200, "{timeline}");
    let gaps = timeline["gaps"].as_array().expect("gaps");
    let told = |g: &serde_json::Value| g["reason"].as_str().is_some_and(|r| r == "stalled_video" || r == "timeout");
    assert!(gaps.iter().any(told), "a gap that tells of the stall: {timeline}");
}

/// ffmpeg with a leased URL, decoding small grey pictures that are counted.
struct Viewer {
    process: Child,
    pictures: ChildStdout,
}

impl Viewer {
    fn watch(appliance: &Appliance, camera: &str) -> Self {
        let operator = appliance.login("operator");
        let url = appliance.live(&operator, camera)["urls"]["rtsp"].as_str().expect("an RTSP URL").to_owned();
        let mut process = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", &url])
            .args(["-map", "0:v", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "16x16", "-t", "300", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ffmpeg");
        let pictures = process.stdout.take().expect("piped");
        Self { process, pictures }
    }

    /// Waits for that many pictures; fails when the viewer ends before.
    fn see(&mut self, count: usize) {
        let mut pictures = vec![0; 16 * 16 * count];
        self.pictures.read_exact(&mut pictures).expect("the viewer is fed");
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(clip: &Path, port: u16) -> GstCamera {
    GstCamera::start_on(port, &[("cam", clip, "h264")])
}
