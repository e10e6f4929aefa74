//! Taking connections: how many in all and from one address, and what happens when the system has none left. What is
//! said on a connection is its protocol's.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the kernel holds until they are taken.
const BACKLOG: i32 = 1024;
/// Wait after a failed accept: the first, and the longest. Failing means that files or memory are short, and trying at
/// once would spin.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// A viewer whose machine is gone is found out after this and three probes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; free the port or change rtsp_listen")]
pub struct CannotListen {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// Opens a listening socket. IPv6 sockets take IPv6 alone, so that an address means what it says. Must be called within
/// a runtime.
pub fn listen(address: SocketAddr) -> Result<TcpListener, CannotListen> {
    open(address).map_err(|source| CannotListen { address, source })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the old connections' last minute.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Which limit a connection ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Connections in all.
    Total,
    /// Connections from one address.
    Address,
}

impl Limit {
    /// Its word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Address => "address",
        }
    }
}

/// Counts connections against their limits.
pub struct Places {
    taken: Mutex<Taken>,
    total_max: usize,
    per_address_max: usize,
}

#[derive(Default)]
struct Taken {
    total: usize,
    /// Only addresses that have connections: as bounded as those.
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place, held for as long as it is open.
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// All of them free.
    pub fn new(total_max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), total_max, per_address_max })
    }

    /// Takes a place for a connection from there.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Limit> {
        let address = address.to_canonical();
        let mut taken = self.taken.lock();
        if taken.total >= self.total_max {
            return Err(Limit::Total);
        }
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        if here >= self.per_address_max {
            return Err(Limit::Address);
        }
        taken.by_address.insert(address, here + 1);
        taken.total += 1;
        Ok(Place { places: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.total -= 1;
        if let Some(here) = taken.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// Accepts one connection after another; waits after a failure, longer each time in a row.
pub struct Acceptor {
    listener: TcpListener,
    pause: Duration,
}

impl Acceptor {
    /// Accepts on this socket.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, pause: ACCEPT_PAUSE_MIN }
    }

    /// The next connection. Every failure is told to `failed`. Safe to drop.
    pub async fn next(&mut self, mut failed: impl FnMut(&io::Error)) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.pause = ACCEPT_PAUSE_MIN;
                    return accepted;
                }
                Err(error) => {
                    failed(&error);
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }
}

/// Settings of a viewer's socket: no waiting for more to send, probes while idle, and a bound on what the kernel keeps
/// of it (0 leaves that to the kernel).
pub fn tune(socket: &impl AsFd, send_buffer_bytes: usize) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL))?;
    if send_buffer_bytes > 0 {
        socket.set_send_buffer_size(send_buffer_bytes)?;
    }
    Ok(())
}

/// Makes the close that follows throw away what the kernel has not sent yet, so that nothing arrives after an end.
pub fn cut_off(socket: &TcpStream) -> io::Result<()> {
    SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let places = Places::new(3, 2);
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let first = places.take(a).unwrap();
        let _second = places.take(mapped).unwrap();
        assert_eq!(places.take(a).err(), Some(Limit::Address));
        let _third = places.take(b).unwrap();
        assert_eq!(places.take(b).err(), Some(Limit::Total));
        drop(first);
        assert!(places.take(a).is_ok());
        assert_eq!(places.taken.lock().by_address.len(), 2);
    }
}
