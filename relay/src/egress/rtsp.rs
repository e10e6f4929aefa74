//! RTSP to viewers: takes connections, hears which stream is wanted, asks the leases, and hands the connection to the
//! core that has the stream. What a session does there is `session`'s.

mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use media::hub::{Hub, HubLimits};
use media::id::StreamKey;
use media::rtsp::{Event, Fault, Server, Status};
use media::wall::Wall;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::admission::Admitted;
use crate::core::{Local, Task};
use crate::directory::Stream;
use crate::egress::Stage;
use crate::lease::{Content, EndReason, Protocol};
use crate::listen::{self, Acceptor, CannotListen, Place, Places};
use crate::recording::Recordings;
use session::{Arrival, Opened, Session};
use wire::Wire;

/// What a playback weighs on a core, as cameras do by their expected bits per second.
const PLAYBACK_BITS: u64 = 4_000_000;
/// Before the token in a URL's path.
const PATH_PREFIX: &str = "/s/";
/// Bytes read at once; a player's requests are smaller.
const READ_BYTES: usize = 4 << 10;
/// How long the last words may take on a connection that is closed.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections taken in a row before others on the thread get their turn.
const ACCEPTS_IN_A_ROW: u32 = 32;

/// What RTSP needs of the house.
#[derive(Clone)]
pub struct Parts {
    /// What it has in common with the other ways out.
    pub stage: Arc<Stage>,
    /// What is recorded.
    pub recordings: Arc<dyn Recordings>,
    /// With what RTSPS is spoken; without it none is.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// What a viewer was admitted to.
struct Wanted {
    /// The live stream; for a recording, one of his own.
    stream: Stream,
    recording: Option<Opened>,
}

/// The RTSP server, listening.
pub struct RtspServer {
    acceptors: Vec<(Acceptor, Option<TlsAcceptor>)>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    door: Arc<Door>,
}

struct Door {
    parts: Arc<Parts>,
    places: Arc<Places>,
}

impl RtspServer {
    /// Listens on all addresses of the configuration. Must be called within a runtime.
    pub fn bind(parts: Parts) -> Result<Self, CannotListen> {
        let config = &parts.stage.config;
        let open = |listen: &[SocketAddr], tls: Option<&TlsAcceptor>| {
            listen
                .iter()
                .map(|address| {
                    let listener = listen::listen(*address)?;
                    let bound = listener.local_addr().map_err(|source| CannotListen { address: *address, source })?;
                    Ok((bound, (Acceptor::new(listener), tls.cloned())))
                })
                .collect::<Result<(Vec<_>, Vec<_>), CannotListen>>()
        };
        let (addresses, mut acceptors) = open(&config.rtsp_listen, None)?;
        let tls = parts.tls.clone().map(TlsAcceptor::from);
        let tls_listen = if tls.is_some() { config.rtsp_tls_listen.as_slice() } else { &[] };
        let (tls_addresses, secured) = open(tls_listen, tls.as_ref())?;
        acceptors.extend(secured);
        let places = Places::new(config.connections_max, config.connections_per_address_max);
        Ok(Self { acceptors, addresses, tls_addresses, door: Arc::new(Door { parts: Arc::new(parts), places }) })
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens for RTSPS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// Serves until `stop` is true (or its sender is gone), then ends all sessions with `Shutdown` and waits for their
    /// connections, at most for `drain_max`.
    pub async fn run(self, stop: watch::Receiver<bool>, drain_max: Duration) {
        let mut accepting = JoinSet::new();
        for (acceptor, tls) in self.acceptors {
            accepting.spawn(accept(acceptor, tls, Arc::clone(&self.door), stop.clone()));
        }
        let mut connections = JoinSet::new();
        while let Some(ended) = accepting.join_next().await {
            if let Ok(mut those) = ended {
                connections.spawn(async move { while those.join_next().await.is_some() {} });
            }
        }
        self.door.parts.stage.leases.end_where(|_| true, EndReason::Shutdown);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(drain_max, drained).await.is_err() {
            tracing::warn!(drain_max_ms = drain_max.as_millis(), "RTSP connections left open at the end of the drain");
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone cannot ask any more: stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Takes connections until the stop; gives back those that are still open.
async fn accept(
    mut acceptor: Acceptor,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    mut stop: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let metrics = door.parts.stage.metrics.clone();
    let mut in_a_row = 0;
    loop {
        let (socket, peer) = tokio::select! {
            biased;
            () = stopped(&mut stop) => return connections,
            Some(_) = connections.join_next() => continue,
            accepted = acceptor.next(|error| {
                metrics.accept_errors.inc();
                tracing::warn!(%error, "cannot take an RTSP connection: raise LimitNOFILE or lower connections_max");
            }) => accepted,
        };
        match door.places.take(peer.ip()) {
            Ok(place) => {
                connections.spawn(connection(Arc::clone(&door), (socket, tls.clone()), peer, place, stop.clone()));
            }
            Err(limit) => metrics.connections_refused.with_label_values(&[limit.as_str()]).inc(),
        }
        in_a_row += 1;
        if in_a_row % ACCEPTS_IN_A_ROW == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// One connection from beginning to end: hear what is wanted, admit, hand over to the stream's core, and wait.
async fn connection(
    door: Arc<Door>,
    socket: (TcpStream, Option<TlsAcceptor>),
    peer: SocketAddr,
    place: Place,
    mut stop: watch::Receiver<bool>,
) {
    door.parts.stage.metrics.connections.inc();
    let carried = tokio::select! {
        biased;
        () = stopped(&mut stop) => None,
        // Boxed, so that it is gone while the session lasts.
        carried = Box::pin(door.open(socket, peer)) => carried,
    };
    if let Some(session) = carried {
        let _ = session.await;
    }
    door.parts.stage.metrics.connections.dec();
    drop(place);
}

impl Door {
    /// Reads until the viewer has named a stream and been admitted to it, and hands him over. None where the connection is over
    /// instead.
    async fn open(&self, (socket, tls): (TcpStream, Option<TlsAcceptor>), peer: SocketAddr) -> Option<Task<()>> {
        listen::tune(&socket, self.parts.stage.config.send_buffer_bytes).ok()?;
        let mut wire = match tls {
            None => Wire::plain(socket),
            Some(tls) => {
                let shaken = Wire::handshake(socket, &tls).await;
                shaken.or_else(|| {
                    self.parts.stage.metrics.faults.with_label_values(&["tls_handshake"]).inc();
                    None
                })?
            }
        };
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the kernel has random bits");
        let mut server = Server::new(self.parts.stage.clock.monotonic(), u128::from_ne_bytes(random));
        loop {
            let asked = match server.poll_event() {
                Some(Event::Admit { request, path }) => Some((request, path)),
                Some(Event::Close(fault)) => {
                    self.farewell(&mut wire, &mut server, fault).await;
                    return None;
                }
                // Nothing else comes before the admission.
                _ => None,
            };
            if let Some((request, path)) = asked {
                match self.admit(&path, peer) {
                    Ok((admitted, wanted)) => {
                        if wanted.recording.is_some() {
                            server.set_seekable();
                        }
                        server.admit(request, Ok(()));
                        let Wire { socket, secure } = wire;
                        let socket = socket.into_std().ok()?;
                        return self.hand_over(Arrival { socket, secure, peer, server, admitted }, wanted);
                    }
                    Err(status) => {
                        server.admit(request, Err(status));
                        continue;
                    }
                }
            }
            send_all(&mut wire, &mut server).await?;
            self.read(&mut wire, &mut server).await?;
        }
    }

    /// Reads once, or lets the server's timer run out.
    async fn read(&self, wire: &mut Wire, server: &mut Server) -> Option<()> {
        let wait = server.next_timeout()?.saturating_sub(self.parts.stage.clock.monotonic());
        let readable = tokio::time::timeout(wait, wire.readable()).await;
        let now = self.parts.stage.clock.monotonic();
        if readable.is_err() {
            server.handle_timeout(now);
            return Some(());
        }
        // Nothing is awaited any more, so that the buffer is no part of what each connection keeps.
        let mut buffer = [0; READ_BYTES];
        let room = server.room().min(READ_BYTES);
        match wire.try_read(buffer.get_mut(..room)?) {
            Ok(0) => None,
            Ok(len) => {
                // A fault comes out as an event as well.
                let _ = server.handle_bytes(now, buffer.get(..len)?);
                Some(())
            }
            Err(error) => (error.kind() == ErrorKind::WouldBlock).then_some(()),
        }
    }

    fn admit(&self, path: &str, peer: SocketAddr) -> Result<(Admitted, Wanted), Status> {
        // What is no token at all is refused by the leases too, so that it is on record.
        let token = path.strip_prefix(PATH_PREFIX).unwrap_or_default();
        let admitted = self.parts.stage.leases.admit(token, peer.ip(), Protocol::Rtsp).map_err(|why| {
            self.parts.stage.metrics.refused(why);
            Status::from(why.status())
        })?;
        let wanted = match admitted.content() {
            Content::Live(key) => {
                let stream = self.parts.stage.streams.lookup(key).ok_or(Status::ServiceUnavailable)?;
                Wanted { stream, recording: None }
            }
            Content::Playback { stream, from, to } => self.recording(stream, *from, *to),
        };
        Ok((admitted, wanted))
    }

    /// A playback has a hub of its own, which it fills at its viewer's pace; it holds no more than the frame that is on its way.
    fn recording(&self, key: &StreamKey, from: Wall, to: Wall) -> Wanted {
        let place = self.parts.stage.cores.place(PLAYBACK_BITS);
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the kernel has random bits");
        let hub = Hub::new(HubLimits { ring_bytes_max: 0, history_micros: 0 }, u64::from_ne_bytes(seed));
        let stream = Stream { key: key.clone(), hub, core: place.core() };
        let recordings = Arc::clone(&self.parts.recordings);
        Wanted { stream, recording: Some(Opened { recordings, stream: key.clone(), from, to, _place: place }) }
    }

    /// Starts the session on the stream's core, or on another where that is full.
    fn hand_over(&self, arrival: Arrival, wanted: Wanted) -> Option<Task<()>> {
        let (core, parts) = (self.parts.stage.cores.seat(wanted.stream.core), Arc::clone(&self.parts));
        let peer = arrival.peer;
        let session = move |local: &Rc<Local>| Session::run(arrival, wanted, parts, local);
        let handed = self.parts.stage.cores.spawn_on(core, session);
        handed.inspect_err(|error| tracing::warn!(%peer, %error, "a viewer was turned away")).ok()
    }

    async fn farewell(&self, wire: &mut Wire, server: &mut Server, fault: Fault) {
        self.parts.stage.metrics.faults.with_label_values(&[fault_label(fault)]).inc();
        let said = async {
            send_all(wire, server).await?;
            wire.shut_down().await.ok()
        };
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, said).await;
    }
}

/// Sends the server's output; none where the connection broke or the viewer does not read a few lines in time.
async fn send_all(wire: &mut Wire, server: &mut Server) -> Option<()> {
    while let Some(bytes) = server.poll_output() {
        tokio::time::timeout(FAREWELL_TIMEOUT, wire.write_all(&bytes)).await.ok()?.ok()?;
    }
    Some(())
}

fn fault_label(fault: Fault) -> &'static str {
    match fault {
        Fault::NotRtsp => "not_rtsp",
        Fault::HeadTooLarge => "head_too_large",
        Fault::BodyTooLarge => "body_too_large",
        Fault::TooManyRequests => "too_many_requests",
        Fault::Overrun => "overrun",
        Fault::RequestTimeout => "request_timeout",
        Fault::SessionTimeout => "session_timeout",
        Fault::NotAdmitted => "not_admitted",
    }
}
