//! The certificate in force: shown at each handshake, and replaced while connections go on, at SIGHUP or once its files have changed and
//! lie still. A faulty new one changes nothing, and is told. One of the private authority is renewed before it ends.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use control_api::stamp::Stamp;
use media::wall::Clock;
use parking_lot::{Mutex, RwLock};
use prometheus::Registry;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};

use super::metrics::Metrics;
use super::pair::{self, Pair};
use super::private_ca::{PrivateCa, RENEWED_BEFORE};
use super::{Settings, Source};

/// Between two looks at the files. A change is taken once it lay still from one to the next: certificate and key are two files.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The certificate in force and where the next one comes from.
pub(crate) struct Certificates {
    origin: Origin,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    current: RwLock<Pair>,
    seen: Mutex<Seen>,
}

enum Origin {
    Files { certificate: PathBuf, key: PathBuf },
    Private { ca: PrivateCa, names: Vec<String> },
}

/// What the files were like: when they were last looked at, and when they were last read.
#[derive(Default)]
struct Seen {
    last: Option<Print>,
    read: Option<Print>,
}

/// What tells one content of the two files from another: inode, size, time of the last change.
type Print = [(u64, u64, i64, i64); 2];

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates(..)")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().certified))
    }
}

impl Certificates {
    /// Takes up the configured certificate; the private authority keeps its files in `folder` and signs for `names`.
    pub(crate) fn start(
        settings: &Settings,
        folder: PathBuf,
        names: Vec<String>,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> anyhow::Result<Arc<Self>> {
        let origin = match &settings.source {
            Source::Files { certificate, key } => Origin::Files { certificate: certificate.clone(), key: key.clone() },
            Source::PrivateCa { .. } => Origin::Private { ca: PrivateCa::new(folder), names },
        };
        if let Origin::Private { ca, names } = &origin {
            if ca.make(names, clock.wall())? {
                tracing::info!(certificate = %ca.certificate().display(), "a private authority was made; give its certificate to the browsers");
            }
            // Names may have changed since the last start.
            ca.sign(names, clock.wall())?;
        }
        let (certificate, key) = origin.pair();
        let first = pair::load(&certificate, &key, clock.wall()).context("tls.certificate")?;
        let metrics = Metrics::register(registry)?;
        let seen = Seen { last: print_of(&certificate, &key), read: print_of(&certificate, &key) };
        let certificates = Self { origin, clock, metrics, current: RwLock::new(first), seen: Mutex::new(seen) };
        certificates.tell();
        Ok(Arc::new(certificates))
    }

    /// TLS 1.2 and 1.3 under it, for clients that speak one of `protocols`; none is any.
    pub(crate) fn server(self: &Arc<Self>, protocols: &[&[u8]]) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config =
            builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// Looks after it, until dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut timer = tokio::time::interval(LOOK_EVERY);
        let Ok(mut hang_ups) = signal(SignalKind::hangup()) else {
            tracing::error!("SIGHUP cannot be heard; a new certificate is seen by its files alone");
            return std::future::pending().await;
        };
        loop {
            let asked = tokio::select! {
                _ = timer.tick() => false,
                _ = hang_ups.recv() => true,
            };
            let own = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || own.look(asked)).await {
                tracing::error!(%error, "looking at the certificate ended by a defect");
            }
        }
    }

    /// Reads the files again where they have changed, or somebody asks for it. Blocks.
    fn look(&self, asked: bool) {
        self.renew();
        let (certificate, key) = self.origin.pair();
        let now = print_of(&certificate, &key);
        let mut seen = self.seen.lock();
        let still = seen.last == now;
        seen.last = now;
        if !asked && (!still || seen.read == now) {
            return;
        }
        seen.read = now;
        drop(seen);
        match pair::load(&certificate, &key, self.clock.wall()) {
            Ok(pair) => {
                *self.current.write() = pair;
                self.metrics.stale.set(0);
                self.tell();
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn renew(&self) {
        let Origin::Private { ca, names } = &self.origin else { return };
        let now = self.clock.wall();
        if self.current.read().not_after.since(now) > RENEWED_BEFORE {
            return;
        }
        if let Err(error) = ca.sign(names, now) {
            self.refuse(&error);
        }
    }

    fn refuse(&self, error: &dyn std::fmt::Display) {
        self.metrics.refused.inc();
        self.metrics.stale.set(1);
        tracing::error!(error = %format_args!("{error:#}"), "a new certificate was not taken; the old one is shown");
    }

    fn tell(&self) {
        let not_after = self.current.read().not_after;
        self.metrics.not_after.set(not_after.micros() as f64 / 1e6);
        tracing::info!(not_after = %Stamp(not_after), "a certificate is in force");
    }
}

impl Origin {
    fn pair(&self) -> (PathBuf, PathBuf) {
        match self {
            Self::Files { certificate, key } => (certificate.clone(), key.clone()),
            Self::Private { ca, .. } => ca.pair(),
        }
    }
}

/// None where one of them is not there.
fn print_of(certificate: &Path, key: &Path) -> Option<Print> {
    let of = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
    };
    Some([of(certificate)?, of(key)?])
}
