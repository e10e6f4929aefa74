//! What the appliance listens with: addresses, and the TLS that is spoken at them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use control_api::http::{Handshakes, HttpMetrics};
use media::wall::Clock;
use prometheus::Registry;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::tls::{Certificates, FOLDER};

/// TLS of all listeners, under one certificate.
pub(crate) struct Secured {
    /// To be run, so that it is renewed.
    pub(crate) certificates: Arc<Certificates>,
    /// Of HTTP.
    pub(crate) http: Handshakes,
    /// Of RTSPS.
    pub(crate) rtsp: Arc<ServerConfig>,
}

impl Secured {
    /// As configured; none where there is to be no TLS. Where others than this machine are served in the clear then, a warning.
    pub(crate) fn of(
        config: &Config,
        clock: &Arc<dyn Clock>,
        registry: &Registry,
        metrics: &HttpMetrics,
    ) -> anyhow::Result<Option<Self>> {
        let Some(settings) = &config.tls else {
            if !config.api.listen.ip().is_loopback() {
                tracing::warn!(listen = %config.api.listen, "passwords and pictures cross the network in the clear; see [tls]");
            }
            return Ok(None);
        };
        let rtsp = config.relay.rtsp_tls_listen.iter();
        let listens: Vec<_> = rtsp.chain([&config.api.listen]).map(SocketAddr::ip).collect();
        let names = settings.names(config.sessions.public_host.as_deref(), &listens);
        let folder = config.state_path.join(FOLDER);
        let certificates = Certificates::start(settings, folder, names, Arc::clone(clock), registry)?;
        let server = certificates.server(&[b"http/1.1"])?;
        let http = Handshakes::new(server, settings.handshake_timeout, settings.handshakes_max, metrics);
        let rtsp = certificates.server(&[])?;
        Ok(Some(Self { certificates, http, rtsp }))
    }
}

/// Listens, or says which key names the address.
pub(crate) async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: cannot listen at {address}"))
}
