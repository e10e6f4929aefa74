//! Journeys over the whole appliance: the real binary, real cameras, real players, the disk. One binary of tests.
#![allow(missing_docs, reason = "tests are read, not linked")]
#![allow(clippy::indexing_slicing, reason = "an index out of bounds fails the test, as it should")]

#[path = "../harness/mod.rs"]
mod harness;

mod camera_faults;
mod check;
mod confine;
mod crash;
mod download;
mod export;
mod gate;
mod gst_camera;
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
mod j24_usage_register;
mod j29_policy;
mod ledger;
mod playback;
mod recorded;
mod trace;
mod volumes;
