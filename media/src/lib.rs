//! What flows: frames, codecs, RTP, RTSP, fMP4 and the hub, all as values. This crate opens no socket and no file,
//! reads no clock and knows no runtime: bytes and times come in as arguments, values and wake-ups go out.

mod calendar;
pub mod clip;
pub mod codec;
pub mod fmp4;
pub mod frame;
#[doc(hidden)]
pub mod fuzz;
pub mod hls;
pub mod hub;
pub mod id;
pub mod mark;
pub mod mse;
pub mod reorder;
pub mod rtp;
pub mod rtsp;
pub mod stretch;
pub mod timeline;
pub mod trace;
pub mod wall;
