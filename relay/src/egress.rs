//! The ways out of the relay: from a stream's frames to its viewers' sockets (`fan`), and the protocols that bring a viewer there.

mod fan;
pub mod hls;
pub mod mse;
pub mod rtsp;
mod stage;
pub mod whep;

pub use stage::Stage;
