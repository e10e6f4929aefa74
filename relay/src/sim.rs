//! The camera simulator: an RTSP server that plays one clip as any number of cameras, each in real time and out of phase
//! with the others. All of them are driven by one timer on one thread and share the packets of the clip, so that hundreds
//! run beside the appliance that they are there to test. Logins are deliberately absent.

mod connection;
mod playback;
mod reel;
mod site;
mod stamp;
mod switches;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use media::clip::{Clip, ClipError};
use media::wall::Clock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use connection::Connection;
use reel::Reel;
pub use reel::{EmptyClip, with_parameter_sets};
use site::Site;
pub use stamp::{STAMP_UUID, read_stamp};
pub use switches::Switches;

/// How often the cameras look whether a frame is due: a quarter of a frame at 25 fps.
const TICK: Duration = Duration::from_millis(10);

/// Connections at once: every camera's main viewer, and a few that look on.
const CONNECTIONS_MAX: usize = 8_192;

/// Wait after a failed accept: the process is out of file descriptors, which does not change at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The clip that is built in: 12 s of a test picture with a running time, and a tone. About 1 Mbit/s.
pub fn demo_clip() -> Result<Clip, ClipError> {
    Clip::parse(&Bytes::from_static(include_bytes!("../testdata/demo.mp4")))
}

/// What to simulate.
pub struct SimConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many cameras.
    pub cameras: usize,
    /// What they show.
    pub clip: Clip,
    /// Its pictures say when they were sent; H.264 alone.
    pub stamped: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address is taken, or the system gave no socket, thread or timer.
    #[error("camera simulator on {listen}: {source}")]
    Io {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The clip cannot be played.
    #[error(transparent)]
    Clip(#[from] EmptyClip),
}

/// The simulator.
pub struct Sim;

/// A running simulator. Dropping it ends it.
pub struct SimHandle {
    addr: SocketAddr,
    switches: Arc<[Switches]>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sim {
    /// Starts the simulator on a thread of its own. It listens once this returns.
    pub fn start(config: SimConfig) -> Result<SimHandle, SimError> {
        let listen = config.listen;
        let fault = |source| SimError::Io { listen, source };
        let reel = Reel::new(&config.clip, config.stamped)?;
        let switches: Arc<[Switches]> =
            (0..config.cameras).map(|_| Switches::new(Arc::clone(&reel), config.stamped)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fault)?;
        let entered = runtime.enter();
        let listener = listen_on(listen).map_err(fault)?;
        drop(entered);
        let addr = listener.local_addr().map_err(fault)?;
        let site = Site { switches: Arc::clone(&switches), clock: config.clock, listen: addr.ip() };
        let (stop, stopped) = oneshot::channel();
        let run = move || LocalSet::new().block_on(&runtime, run(Rc::new(site), listener, stopped));
        let thread = std::thread::Builder::new().name("camera-sim".to_owned()).spawn(run).map_err(fault)?;
        Ok(SimHandle { addr, switches, stop: Some(stop), thread: Some(thread) })
    }
}

impl SimHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// URL of a camera, from 1.
    pub fn url(&self, camera: usize) -> String {
        format!("rtsp://{}/cam/{camera}", self.addr)
    }

    /// URLs of all cameras.
    pub fn urls(&self) -> Vec<String> {
        (1..=self.switches.len()).map(|camera| self.url(camera)).collect()
    }

    /// A camera's switches, from 1.
    pub fn camera(&self, camera: usize) -> Option<&Switches> {
        self.switches.get(camera.checked_sub(1)?)
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        // The thread ends on either: the message, or the sender's end.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen_on(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn run(site: Rc<Site>, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let connections = Rc::new(RefCell::new(Vec::new()));
    tokio::select! {
        () = accept(&site, &listener, &connections) => {}
        () = drive(&site, &connections) => {}
        _ = stopped => {}
    }
}

type Connections = RefCell<Vec<Rc<Connection>>>;

async fn accept(site: &Rc<Site>, listener: &TcpListener, connections: &Rc<Connections>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        if connections.borrow().len() >= CONNECTIONS_MAX {
            continue;
        }
        // Frames leave in one write each; nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(stream, peer);
        connections.borrow_mut().push(Rc::clone(&connection));
        let site = Rc::clone(site);
        tokio::task::spawn_local(async move { connection.serve(&site).await });
    }
}

async fn drive(site: &Site, connections: &Connections) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let mut connections = connections.borrow_mut();
        connections.retain(|c| !c.has_ended());
        for connection in connections.iter() {
            connection.advance(site);
        }
    }
}
