//! The HTTP shell: connections in, requests to the router, answers out, with the limits that keep one client from taking what
//! others need. HTTP/1.1 only, WebSocket upgrades included; over TLS where a certificate is configured. The peer is the terminal: a
//! proxy in front would be everybody's.

pub(crate) mod byte_range;
mod handshake;
pub mod idempotency;
mod metrics;
pub(crate) mod player_origin;
pub mod stamp;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

pub use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use relay::listen::{Limit, Place, Places};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

pub use handshake::Handshakes;
pub use metrics::HttpMetrics;

use crate::config::Config;
use crate::request::cookie::Transport;
use handshake::Failed;

/// Most header lines of a request; browsers send some 20.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request's head, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 32 * 1_024;
/// Wait after a failed accept (out of descriptors): long enough for some to come free.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// A peer that takes none of what it was sent for this long is gone: a client that never reads holds nothing for ever.
const UNREAD_MAX: Duration = Duration::from_secs(60);

/// What connections are served with.
pub struct Shell {
    /// Answers requests.
    pub router: Router,
    /// The limits.
    pub config: Config,
    /// How connections become TLS ones; none serves in the clear.
    pub tls: Option<Handshakes>,
    /// What is counted.
    pub metrics: HttpMetrics,
}

impl Shell {
    /// Serves on `listener` until `stop` is done, then lets requests under way finish for `config.drain_timeout`.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let shell = Arc::new(self);
        let places = Places::new(shell.config.connections_max.max(1), shell.config.connections_per_address_max.max(1));
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&listener) => accepted,
            };
            while connections.try_join_next().is_some() {}
            let Some((stream, peer)) = accepted else { continue };
            match places.take(peer.ip()) {
                Ok(place) => {
                    connections.spawn(Arc::clone(&shell).run(stream, peer, stopped.clone(), place));
                }
                Err(limit) => shell.turn_away(limit, peer),
            }
        }
        drop(listener);
        stopping.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(shell.config.drain_timeout, drained).await.is_err() {
            tracing::info!(left = connections.len(), "connections were cut at the end of the drain");
        }
        connections.shutdown().await;
    }

    fn turn_away(&self, limit: Limit, peer: SocketAddr) {
        let limit = limit.as_str();
        tracing::debug!(%peer, limit, "a connection over the limit was closed");
        self.metrics.refused.with_label_values(&[limit]).inc();
    }

    async fn run(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, stopped: watch::Receiver<bool>, place: Place) {
        self.metrics.connections.inc();
        self.begin(stream, peer, stopped).await;
        self.metrics.connections.dec();
        drop(place);
    }

    async fn begin(&self, stream: TcpStream, peer: SocketAddr, stopped: watch::Receiver<bool>) {
        let socket = SockRef::from(&stream);
        let set = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(UNREAD_MAX)));
        if let Err(error) = set {
            tracing::debug!(%error, "a socket option was not taken");
        }
        let Some(tls) = &self.tls else {
            return self.converse(stream, Transport::Plain, peer, stopped).await;
        };
        let mut told = stopped.clone();
        let shaken = tokio::select! {
            shaken = tls.shake(stream, peer.ip()) => shaken,
            _ = told.wait_for(|&stopped| stopped) => return,
        };
        match shaken {
            Ok(stream) => self.converse(stream, Transport::Tls, peer, stopped).await,
            Err(Failed::Many) => self.metrics.refused.with_label_values(&["handshakes"]).inc(),
            Err(failed) => self.metrics.handshakes_failed.with_label_values(&[failed.reason()]).inc(),
        }
    }

    /// Request by request, until one side ends it.
    async fn converse<S>(&self, stream: S, transport: Transport, peer: SocketAddr, mut stopped: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service =
            self.router.clone().map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                request.extensions_mut().insert(transport);
                request.map(axum::body::Body::new)
            });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.config.header_read_timeout)
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

/// The next connection; none where it could not be accepted.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}
