//! What the appliance listens with: addresses, and the TLS that is spoken at them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use control_api::http::{Handshakes, HttpMetrics, Router, Shell};
use media::wall::Clock;
use prometheus::Registry;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::tls::{Certificates, FOLDER};

/// HTTP's listener, and the TLS of all listeners under one certificate.
pub(crate) struct ApiDoor {
    listener: TcpListener,
    metrics: HttpMetrics,
    tls: Option<Secured>,
    /// What the certificate is checked by, as a file; none where there is none.
    pub(crate) trust: Option<PathBuf>,
}

struct Secured {
    certificates: Arc<Certificates>,
    http: Handshakes,
    rtsp: Arc<ServerConfig>,
}

impl ApiDoor {
    /// Listens as configured. Where there is to be no TLS and others than this machine are served, a warning.
    pub(crate) async fn open(config: &Config, clock: &Arc<dyn Clock>, registry: &Registry) -> anyhow::Result<Self> {
        let listener = listen(config.api.listen, "api.listen").await?;
        let metrics = HttpMetrics::new(registry)?;
        let tls = Secured::of(config, clock, registry, &metrics)?;
        if tls.is_none() && !config.api.listen.ip().is_loopback() {
            tracing::warn!(listen = %config.api.listen, "passwords and pictures cross the network in the clear; see [tls]");
        }
        let trust = config.tls.as_ref().map(|settings| settings.trust(&config.state_path));
        Ok(Self { listener, metrics, tls, trust })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// TLS as RTSPS speaks it.
    pub(crate) fn rtsp_tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.as_ref().map(|tls| Arc::clone(&tls.rtsp))
    }

    /// Serves until `stop` is done: the task that does, and the one that renews the certificate, which never ends.
    pub(crate) fn serve(
        self,
        router: Router,
        config: control_api::config::Config,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> [JoinHandle<()>; 2] {
        let (certificates, handshakes) = self.tls.map(|tls| (tls.certificates, tls.http)).unzip();
        let renewing = tokio::spawn(async {
            if let Some(certificates) = certificates {
                certificates.run().await;
            }
        });
        let shell = Shell { router, config, tls: handshakes, metrics: self.metrics };
        [tokio::spawn(shell.serve(self.listener, stop)), renewing]
    }
}

impl Secured {
    /// As configured; none where there is to be no TLS.
    fn of(
        config: &Config,
        clock: &Arc<dyn Clock>,
        registry: &Registry,
        metrics: &HttpMetrics,
    ) -> anyhow::Result<Option<Self>> {
        let Some(settings) = &config.tls else { return Ok(None) };
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
