//! One RTSP connection to the simulator: requests in, answers and packets out. Packets that the peer does not take are
//! dropped a frame at a time, as a camera does it.

use std::cell::{Cell, OnceCell, RefCell};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use media::frame::TrackId;
use media::rtp;
use media::rtsp::{Event, RequestId, Server, SetUp, Status, Wish};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::playback::{Carrier, Playback};
use super::site::{Site, Udp};

/// Bytes that may wait for a slow peer: two keyframes of a 4K camera.
const OUTBOX_BYTES_MAX: usize = 1 << 20;

/// Without a time-out from the state machine the connection itself is looked at this often.
const IDLE_INTERVAL: Duration = Duration::from_secs(60);

pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    outbox: RefCell<Outbox>,
    playback: RefCell<Option<Playback>>,
    /// Made when a track is first set up that way.
    udp: OnceCell<Udp>,
    camera: Cell<Option<usize>>,
    closings_seen: Cell<u64>,
    ended: Cell<bool>,
    kicked: Notify,
}

#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    datagrams: u32,
    /// A datagram that changes places with the next one.
    held: Option<(u16, Vec<u8>)>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> Rc<Self> {
        Rc::new(Self {
            stream,
            peer,
            outbox: RefCell::default(),
            playback: RefCell::default(),
            udp: OnceCell::new(),
            camera: Cell::default(),
            closings_seen: Cell::default(),
            ended: Cell::default(),
            kicked: Notify::new(),
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Serves requests until either side ends it.
    pub(super) async fn serve(&self, site: &Site) {
        let mut server = Server::new(site.now(), site.random_u128());
        let mut set_up = Vec::new();
        while self.turn(site, &mut server, &mut set_up) {
            let wait = server.next_timeout().map_or(IDLE_INTERVAL, |at| at.saturating_sub(site.now()));
            tokio::select! {
                biased;
                () = self.kicked.notified() => break,
                ready = self.stream.readable() => if ready.is_err() || !self.read(site, &mut server) { break },
                () = tokio::time::sleep(wait) => server.handle_timeout(site.now()),
            }
        }
        self.ended.set(true);
    }

    /// Handles what has come. False: the connection is over.
    fn turn(&self, site: &Site, server: &mut Server, set_up: &mut Vec<(TrackId, Wish)>) -> bool {
        let mut open = true;
        while let Some(event) = server.poll_event() {
            open &= self.event(site, server, set_up, event);
        }
        while let Some(bytes) = server.poll_output() {
            self.outbox.borrow_mut().bytes.extend_from_slice(&bytes);
        }
        self.flush() && open
    }

    fn event(&self, site: &Site, server: &mut Server, set_up: &mut Vec<(TrackId, Wish)>, event: Event) -> bool {
        match event {
            Event::Admit { request, path } => return self.admit(site, server, request, &path),
            Event::Describe { request } => {
                let sdp = self.camera.get().and_then(|n| site.describe(n)).ok_or(Status::NotFound);
                server.describe(request, sdp);
            }
            Event::SetUp { request, track, wish } => {
                let track = track.unwrap_or(TrackId(0));
                set_up.retain(|(id, _)| *id != track);
                set_up.push((track, wish));
                let answer =
                    self.server_ports(site, wish).map(|server_ports| SetUp { track, ssrc: None, server_ports });
                server.set_up(request, answer);
            }
            Event::Play { request, .. } => {
                let playback = self.camera.get().and_then(|n| site.play(n, set_up));
                match &playback {
                    Some(playback) => server.play(request, Ok(&playback.starts())),
                    None => server.play(request, Err(Status::NotFound)),
                }
                *self.playback.borrow_mut() = playback;
            }
            Event::Pause => *self.playback.borrow_mut() = None,
            Event::Teardown => {
                *self.playback.borrow_mut() = None;
                set_up.clear();
            }
            Event::Close(_) => return false,
        }
        true
    }

    fn server_ports(&self, site: &Site, wish: Wish) -> Result<Option<(u16, u16)>, Status> {
        if wish == Wish::Tcp {
            return Ok(None);
        }
        if self.udp.get().is_none() {
            let made = Udp::bind(site.listen).map_err(|_| Status::ServiceUnavailable)?;
            let _ = self.udp.set(made);
        }
        Ok(self.udp.get().map(Udp::ports))
    }

    fn admit(&self, site: &Site, server: &mut Server, request: RequestId, path: &str) -> bool {
        let camera = site.camera_of(path);
        let Some((number, switches)) = camera.and_then(|n| Some((n, site.switches.get(n)?))) else {
            server.admit(request, Err(Status::NotFound));
            return true;
        };
        if switches.is_offline() {
            return false;
        }
        switches.connected();
        self.camera.set(Some(number));
        self.closings_seen.set(switches.closings());
        server.admit(request, Ok(()));
        true
    }

    /// False at the end of the stream.
    fn read(&self, site: &Site, server: &mut Server) -> bool {
        let mut buffer = [0u8; 4096];
        let room = server.room().min(buffer.len());
        let Some(space) = buffer.get_mut(..room) else { return false };
        match self.stream.try_read(space) {
            Ok(0) => false,
            Ok(read) => server.handle_bytes(site.now(), buffer.get(..read).unwrap_or_default()).is_ok(),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Sends what is due, and ends a connection whose camera was told to close.
    pub(super) fn advance(&self, site: &Site) {
        let Some(switches) = self.camera.get().and_then(|n| site.switches.get(n)) else { return };
        if switches.is_offline() || switches.closings() != self.closings_seen.get() {
            self.ended.set(true);
            self.kicked.notify_one();
            return;
        }
        let mut playback = self.playback.borrow_mut();
        let Some(playback) = &mut *playback else { return };
        let mut outbox = self.outbox.borrow_mut();
        let (drops, swaps) = (switches.drops_every(), switches.swaps_every());
        let mut carrier = Wire { connection: self, outbox: &mut outbox, drops, swaps };
        playback.advance(switches, site.now(), site.clock.wall(), &mut carrier);
        drop(outbox);
        if !self.flush() {
            self.ended.set(true);
            self.kicked.notify_one();
        }
    }

    /// Hands to the kernel what it takes. False: the peer is gone.
    fn flush(&self) -> bool {
        let mut outbox = self.outbox.borrow_mut();
        while let Some(rest) = outbox.bytes.get(outbox.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(written) => outbox.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        outbox.bytes.clear();
        outbox.sent = 0;
        true
    }
}

/// Puts packets on the connection or into datagrams.
struct Wire<'a> {
    connection: &'a Connection,
    outbox: &'a mut Outbox,
    drops: u32,
    swaps: u32,
}

impl Carrier for Wire<'_> {
    fn rtp(&mut self, wish: Wish, image: &[u8]) {
        match wish {
            Wish::Tcp if self.outbox.bytes.len() - self.outbox.sent < OUTBOX_BYTES_MAX => {
                self.outbox.bytes.extend_from_slice(image);
            }
            Wish::Tcp => {}
            Wish::Udp { rtp, .. } => rtp::datagrams(image).for_each(|packet| self.datagram(rtp, packet)),
        }
    }

    fn rtcp(&mut self, wish: Wish, channel: u8, packet: &[u8]) {
        match wish {
            Wish::Tcp => {
                let [high, low] = (packet.len() as u16).to_be_bytes();
                self.outbox.bytes.extend_from_slice(&[b'$', channel, high, low]);
                self.outbox.bytes.extend_from_slice(packet);
            }
            Wish::Udp { rtcp, .. } => {
                if let Some(udp) = self.connection.udp.get() {
                    udp.send_rtcp(SocketAddr::new(self.connection.peer.ip(), rtcp), packet);
                }
            }
        }
    }
}

impl Wire<'_> {
    fn datagram(&mut self, port: u16, packet: &[u8]) {
        let outbox = &mut *self.outbox;
        outbox.datagrams = outbox.datagrams.wrapping_add(1);
        let is_turn = |every: u32| every > 0 && outbox.datagrams.is_multiple_of(every);
        if is_turn(self.drops) {
            return;
        }
        if is_turn(self.swaps) && outbox.held.is_none() {
            outbox.held = Some((port, packet.to_vec()));
            return;
        }
        let ip = self.connection.peer.ip();
        let Some(udp) = self.connection.udp.get() else { return };
        udp.send_rtp(SocketAddr::new(ip, port), packet);
        if let Some((port, held)) = outbox.held.take() {
            udp.send_rtp(SocketAddr::new(ip, port), &held);
        }
    }
}
