//! Journeys over the whole appliance: the real binary, real cameras, real players, the disk. One binary of tests.
#![allow(missing_docs, reason = "tests are read, not linked")]
#![allow(clippy::indexing_slicing, reason = "an index out of bounds fails the test, as it should")]

mod camera_faults;
mod check;
mod confine;
mod crash;
mod download;
mod export;
mod floors;
mod gate;
mod gst_camera;
#[path = "../harness/mod.rs"]
mod harness;
mod hostile;
mod j01_citations;
mod j02_units;
mod j03_dispatch;
mod j04_catalogue;
mod j05_duty;
mod j06_online_rate;
mod j07_applications;
mod j08_emergency;
mod j09_training;
mod j10_findings;
mod j11_purposes;
mod j21_other_units;
mod j22_statement;
mod j23_media;
mod j24_usage_register;
mod j25_jurisdiction;
mod j26_no_copies;
mod j27_network;
mod j28_incident;
mod j29_policy;
mod ledger;
mod live_hls;
mod live_mse;
mod live_whep;
mod playback;
mod recorded;
mod slow_http;
mod tls;
mod trace;
mod volumes;
