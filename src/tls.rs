//! TLS of the appliance's own listeners: which certificate they show, and how it is renewed while they serve. Deliberately absent:
//! the listeners themselves, and TLS towards others (`control_api::outbound`).

mod certificates;
mod metrics;
mod pair;
pub(crate) mod private_ca;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub(crate) use certificates::Certificates;

/// Where the certificate comes from, and the bounds of handshakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where it comes from.
    pub(crate) source: Source,
    /// A handshake must be over by then. 10 seconds, as a request's head.
    pub(crate) handshake_timeout: Duration,
    /// Handshakes at once; further ones are turned away. 256.
    pub(crate) handshakes_max: usize,
}

impl Settings {
    /// What clients check the certificate by, as a file: the private authority's, or whatever stands with the certificate.
    pub(crate) fn trust(&self, state: &Path) -> PathBuf {
        match &self.source {
            Source::Files { certificate, .. } => certificate.clone(),
            Source::PrivateCa { .. } => private_ca::PrivateCa::new(state.join(FOLDER)).certificate(),
        }
    }

    /// What the appliance is reached as; nothing where somebody else makes its certificate.
    pub(crate) fn names(&self, public_host: Option<&str>, listens: &[IpAddr]) -> Vec<String> {
        match &self.source {
            Source::Files { .. } => Vec::new(),
            Source::PrivateCa { names } => private_ca::names(names, public_host, listens),
        }
    }
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Two PEM files that somebody else renews.
    Files {
        /// The certificate, and those between it and the authority's own.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// An authority of the appliance's own, for networks that none outside reaches.
    PrivateCa {
        /// Names and addresses of the appliance besides those that it knows of itself.
        names: Vec<String>,
    },
}

/// Where the private authority keeps its files, in the folder of the state.
pub(crate) const FOLDER: &str = "tls";

/// For a client of this machine's own that trusts what stands in a PEM file.
pub(crate) fn client(trust: &Path) -> anyhow::Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(trust)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Why a pair of files cannot be used; none where it can. Looks only.
pub(crate) fn fault(settings: &Settings, now: media::wall::Wall) -> Option<String> {
    let Source::Files { certificate, key } = &settings.source else { return None };
    pair::load(certificate, key, now).err().map(|error| error.to_string())
}
