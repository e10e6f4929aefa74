//! MSE to viewers: a WebSocket that the HTTP side has opened and admitted comes here, and goes to the core that has the stream. What
//! is said on it is `words`, what happens to the viewer is `viewer`; his frames go by the stream's fan, as those of RTSP do.

mod viewer;
mod words;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::Stage;
use crate::admission::Admitted;
use crate::core::{Local, NotSpawned, Task};
use crate::directory::Stream;
use crate::listen;
use crate::tls::Secure;
use viewer::Viewer;

/// An admitted connection on which the upgrade to WebSocket was just answered.
pub struct Arrival {
    /// The connection, not blocking.
    pub socket: std::net::TcpStream,
    /// Where it speaks TLS.
    pub secure: Option<Secure>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What was read of it behind the request.
    pub read_ahead: Bytes,
    /// The right to send on it.
    pub admitted: Admitted,
    /// What is watched.
    pub stream: Stream,
}

/// Starts the viewer on the stream's core, or on another where that is full. The task ends with him.
pub fn hand_over(stage: &Arc<Stage>, arrival: Arrival) -> Result<Task<()>, NotSpawned> {
    let (core, stage) = (stage.cores.seat(arrival.stream.core), Arc::clone(stage));
    // A viewer whose socket does not take its settings is served without them.
    let _ = listen::tune(&arrival.socket, stage.config.send_buffer_bytes);
    let cores = Arc::clone(&stage.cores);
    cores.spawn_on(core, move |local: &Rc<Local>| Viewer::run(arrival, stage, local))
}
