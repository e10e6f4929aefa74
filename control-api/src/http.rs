//! The HTTP shell: connections in, requests to the router, answers out, with the limits that keep one client from taking what
//! others need. HTTP/1.1 only, WebSocket upgrades included. TLS is for the proxy in front; its address is then the terminal.

pub(crate) mod byte_range;
pub mod idempotency;
pub mod stamp;

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::config::Config;

/// Most header lines of a request; browsers send some 20.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request's head, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 32 * 1_024;
/// Wait after a failed accept (out of descriptors): long enough for some to come free.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// A peer that takes none of what it was sent for this long is gone: a client that never reads holds nothing for ever.
const UNREAD_MAX: Duration = Duration::from_secs(60);

/// Connections of each address, so that one cannot take them all.
#[derive(Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place; gives it back when dropped.
struct Place {
    peers: Arc<Peers>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Peers {
    fn take(self: &Arc<Self>, address: IpAddr, max: usize, permit: OwnedSemaphorePermit) -> Option<Place> {
        let mut open = self.0.lock();
        let count = open.entry(address).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Place { peers: Arc::clone(self), address, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.0.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// Serves `router` on `listener` until `stop` is done, then lets requests under way finish for `config.drain_timeout`.
pub async fn serve(listener: TcpListener, router: Router, config: &Config, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(config.connections_max.max(1)));
    let peers = Arc::new(Peers::default());
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, peer, permit)) = accepted else { continue };
        let address = peer.ip().to_canonical();
        let Some(place) = peers.take(address, config.connections_per_address_max.max(1), permit) else {
            tracing::debug!(%address, "a connection over the address's limit was closed");
            continue;
        };
        let connection = Connection { router: router.clone(), peer, head_by: config.header_read_timeout };
        connections.spawn(connection.run(stream, stopped.clone(), place));
    }
    drop(listener);
    stopping.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(config.drain_timeout, drained).await.is_err() {
        tracing::info!(left = connections.len(), "connections were cut at the end of the drain");
    }
    connections.shutdown().await;
}

/// The next connection, once there is a place for it: past the limit they wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}

struct Connection {
    router: Router,
    peer: SocketAddr,
    head_by: Duration,
}

impl Connection {
    async fn run(self, stream: TcpStream, mut stopped: watch::Receiver<bool>, place: Place) {
        let _place = place;
        let socket = SockRef::from(&stream);
        let set = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(UNREAD_MAX)));
        if let Err(error) = set {
            tracing::debug!(%error, "a socket option was not taken");
        }
        let peer = self.peer;
        let service = self.router.map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(axum::body::Body::new)
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.head_by)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .half_close(false);
        let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).with_upgrades();
        let mut serving = pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = async { drop(stopped.wait_for(|&stopped| stopped).await) } => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
    }
}
