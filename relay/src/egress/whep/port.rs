//! The one UDP port for all of WebRTC: what comes in is handed to the viewer it is for, by the name in a STUN request and
//! afterwards by where it comes from; what is nobody's is dropped and counted. What goes out leaves through the same socket.
//!
//! A viewer is bound to the host that made the offer: datagrams from another one are not even looked at.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use prometheus::IntCounterVec;
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::CannotBind;
use super::stun;

/// Room for keyframes to many viewers at once. The kernel may give less.
const SEND_ROOM_BYTES: usize = 8 << 20;
/// Room for reports of many viewers.
const RECEIVE_ROOM_BYTES: usize = 2 << 20;
/// Largest datagram that is read; what browsers send is below 1300 bytes.
const DATAGRAM_BYTES_MAX: usize = 1_500;
/// Datagrams of a viewer that wait for him: a DTLS flight and checks of all candidates.
const WAITING_MAX: usize = 64;
/// Addresses that a viewer may be heard from: one for each of his interfaces and families.
const SOURCES_MAX: usize = 16;
/// Datagrams in a row before others on the thread get their turn.
const IN_A_ROW: u32 = 64;
/// A wait after a socket that cannot be read for now.
const DEAF_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// The port.
pub(super) struct Port {
    socket: std::net::UdpSocket,
    address: SocketAddr,
    public: Vec<IpAddr>,
    segmented: AtomicBool,
    routes: RwLock<Routes>,
    dropped: IntCounterVec,
}

#[derive(Default)]
struct Routes {
    by_name: HashMap<String, Arc<Mailbox>>,
    by_source: HashMap<SocketAddr, Arc<Mailbox>>,
}

struct Mailbox {
    sender: mpsc::Sender<Datagram>,
    hosts: Vec<IpAddr>,
}

/// What came in for a viewer.
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) bytes: Bytes,
}

/// A viewer's place at the port; dropping it gives it back.
pub(super) struct Berth {
    port: Arc<Port>,
    name: String,
    mailbox: Arc<Mailbox>,
    sources: Vec<SocketAddr>,
    pub(super) incoming: mpsc::Receiver<Datagram>,
}

/// Why a datagram went nowhere.
#[derive(Clone, Copy)]
enum Dropped {
    Unknown,
    OtherHost,
    Full,
}

impl Dropped {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::OtherHost => "other_host",
            Self::Full => "full",
        }
    }
}

impl Port {
    /// Opens the socket. Port 0 takes a free one.
    pub(super) fn open(
        listen: SocketAddr,
        public: Vec<IpAddr>,
        dropped: IntCounterVec,
    ) -> Result<Arc<Self>, CannotBind> {
        let cannot = |source| CannotBind { address: listen, source };
        let socket = bind(listen).map_err(cannot)?;
        let address = socket.local_addr().map_err(cannot)?;
        // Nothing is cut but what says so of itself; a kernel that does not know how refuses the option.
        let segmented = uring::set_udp_segment(socket.as_fd(), 0).is_ok().into();
        for reason in [Dropped::Unknown, Dropped::OtherHost, Dropped::Full] {
            dropped.with_label_values(&[reason.as_str()]).inc_by(0);
        }
        Ok(Arc::new(Self { socket, address, public, segmented, routes: RwLock::default(), dropped }))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket.
    pub(super) fn socket(&self) -> &std::net::UdpSocket {
        &self.socket
    }

    /// An address in the family of the socket.
    pub(super) fn reaching(&self, to: SocketAddr) -> SocketAddr {
        match (self.address, to) {
            (SocketAddr::V6(_), SocketAddr::V4(v4)) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
            _ => to,
        }
    }

    /// True where the kernel cuts what is longer than a packet.
    pub(super) fn is_segmented(&self) -> bool {
        self.segmented.load(Ordering::Relaxed)
    }

    /// A device cannot cut (EIO): one datagram a send from now on.
    pub(super) fn stop_segmenting(&self) {
        self.segmented.store(false, Ordering::Relaxed);
    }

    /// The addresses that a viewer there is told: those of the configuration, or else the ones from which this host reaches him.
    /// Whoever sits at this host itself is told its address in the network too, since browsers do not use the loopback.
    pub(super) fn candidates(&self, viewer: IpAddr) -> Vec<SocketAddr> {
        let mut hosts = self.public.clone();
        if hosts.is_empty() && !self.address.ip().is_unspecified() {
            hosts.push(self.address.ip());
        }
        if hosts.is_empty() {
            hosts.extend(source_towards(viewer));
            if viewer.is_loopback() {
                hosts.extend(own_addresses(viewer));
            }
        }
        hosts.dedup();
        hosts.into_iter().map(|host| SocketAddr::new(host, self.address.port())).collect()
    }

    /// A place for a viewer who is called by this name and sits at that host.
    pub(super) fn berth(self: &Arc<Self>, name: String, host: IpAddr) -> Berth {
        let mut hosts = vec![host];
        if host.is_loopback() {
            hosts.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
            hosts.extend(own_addresses(host));
        }
        let (sender, incoming) = mpsc::channel(WAITING_MAX);
        let mailbox = Arc::new(Mailbox { sender, hosts });
        self.routes.write().by_name.insert(name.clone(), Arc::clone(&mailbox));
        Berth { port: Arc::clone(self), name, mailbox, sources: Vec::new(), incoming }
    }

    /// Hands on what comes in, for ever. Safe to drop.
    pub(super) async fn run(&self) -> io::Result<()> {
        self.read(UdpSocket::from_std(self.socket.try_clone()?)?).await
    }

    async fn read(&self, socket: UdpSocket) -> io::Result<()> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        let mut in_a_row = 0_u32;
        loop {
            match socket.recv_from(&mut buffer).await {
                Ok((len, from)) => self.hand_on(canonical(from), buffer.get(..len).unwrap_or_default()),
                // Such as a viewer's port that is closed, told by ICMP.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => tokio::time::sleep(DEAF_PAUSE).await,
            }
            in_a_row = in_a_row.wrapping_add(1);
            if in_a_row.is_multiple_of(IN_A_ROW) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn hand_on(&self, from: SocketAddr, bytes: &[u8]) {
        if let Err(why) = self.deliver(from, bytes) {
            self.dropped.with_label_values(&[why.as_str()]).inc();
        }
    }

    fn deliver(&self, from: SocketAddr, bytes: &[u8]) -> Result<(), Dropped> {
        let routes = self.routes.read();
        let mailbox = match stun::addressee(bytes) {
            Some(name) => routes.by_name.get(name),
            None => routes.by_source.get(&from),
        };
        let mailbox = mailbox.ok_or(Dropped::Unknown)?;
        if !mailbox.hosts.contains(&from.ip()) {
            return Err(Dropped::OtherHost);
        }
        let datagram = Datagram { from, bytes: Bytes::copy_from_slice(bytes) };
        mailbox.sender.try_send(datagram).map_err(|_| Dropped::Full)
    }
}

impl Berth {
    pub(super) fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// What comes from there is his from now on: he has proved by a check that he knows his password.
    pub(super) fn hear_from(&mut self, source: SocketAddr) {
        if self.sources.contains(&source) || self.sources.len() >= SOURCES_MAX {
            return;
        }
        self.sources.push(source);
        self.port.routes.write().by_source.insert(source, Arc::clone(&self.mailbox));
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        let mut routes = self.port.routes.write();
        routes.by_name.remove(&self.name);
        for source in &self.sources {
            // Another viewer of the same host may have it by now.
            if routes.by_source.get(source).is_some_and(|mailbox| Arc::ptr_eq(mailbox, &self.mailbox)) {
                routes.by_source.remove(source);
            }
        }
    }
}

fn bind(listen: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, None)?;
    if listen.is_ipv6() {
        // `[::]` is for both families; any other address takes its own alone.
        socket.set_only_v6(!listen.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    // What the system does not allow it cuts by itself.
    let _ = socket.set_send_buffer_size(SEND_ROOM_BYTES);
    let _ = socket.set_recv_buffer_size(RECEIVE_ROOM_BYTES);
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

/// The address of ours that the kernel would send from. Nothing is sent.
fn source_towards(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip().to_canonical())
}

/// This host's addresses in the network, one of each family, as far as there is a way out of it. The two that are asked for are
/// in the ranges for documentation (RFC 5737, RFC 3849).
fn own_addresses(but: IpAddr) -> impl Iterator<Item = IpAddr> {
    let outside =
        [IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];
    outside.into_iter().filter_map(source_towards).filter(move |own| *own != but && !own.is_loopback())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
