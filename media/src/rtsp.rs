//! RTSP 1.0 (RFC 2326). Towards viewers: the server's side of one connection as a state machine, and the SDP it hands out.
//! Towards cameras: `client`.
//! Sockets, leases and frames are the shell's; recording (ANNOUNCE, RECORD), multicast, RTSP 2.0 and RTSP over HTTP are
//! deliberately absent.

pub mod client;
#[doc(hidden)]
pub mod fuzz;
mod inbox;
mod range;
mod resource;
mod response;
mod sdp;
mod server;
#[cfg(test)]
mod tests;
mod transport;

pub use inbox::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, INBOX_BYTES_MAX};
pub use range::{Asked, InEffect, Instant, SCALE_MILLI_MAX, SCALE_MILLI_MIN, Scale, Unit};
pub use rtsp_types::StatusCode as Status;
pub use sdp::{describe, describe_recording};
pub use server::{Event, Fault, RequestId, RtpStart, SESSION_TIMEOUT, Server, SetUp};
pub use transport::{CHANNEL_TRACKS_MAX, Wish, rtcp_channel, rtp_channel};
