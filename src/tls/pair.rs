//! A certificate with its key, from two PEM files: read within bounds, and held against each other and the clock before anything is
//! shown to anybody.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_api::stamp::Stamp;
use media::wall::Wall;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Largest file looked at; a chain is some 10 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate that can be shown.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// What handshakes are answered with.
    pub(super) certified: Arc<CertifiedKey>,
    /// From then on clients refuse it.
    pub(super) not_after: Wall,
}

/// Why a pair cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PairError {
    #[error("{} cannot be read: {source}; give it to the user that runs sluice", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} holds more than {FILE_BYTES_MAX} bytes; name a PEM file", path.display())]
    Large { path: PathBuf },
    #[error("{} holds no {what} in PEM; it begins with -----BEGIN", path.display())]
    Empty { path: PathBuf, what: Part },
    #[error("{}: {what}; name the certificate that belongs to the key, before those of its authority", path.display())]
    Unfit { path: PathBuf, what: String },
    #[error("{} is over since {not_after}; renew it", path.display())]
    Over { path: PathBuf, not_after: Stamp },
}

/// Which of the two.
#[derive(Debug)]
pub(super) enum Part {
    Certificate,
    Key,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "private key without a passphrase",
        })
    }
}

/// Reads both. `now` is the time that the certificate must still be good at.
pub(super) fn load(certificate: &Path, key: &Path, now: Wall) -> Result<Pair, PairError> {
    let (chain, secret) = (read(certificate)?, read(key)?);
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = parsed.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| PairError::Empty { path: certificate.to_owned(), what: Part::Certificate })?;
    let secret = PrivateKeyDer::from_pem_slice(&secret);
    let secret = secret.map_err(|_| PairError::Empty { path: key.to_owned(), what: Part::Key })?;
    let unfit = |what: String| PairError::Unfit { path: certificate.to_owned(), what };
    let not_after = chain.first().and_then(|leaf| not_after(leaf)).ok_or_else(|| unfit("it is no X.509".into()))?;
    if not_after <= now {
        return Err(PairError::Over { path: certificate.to_owned(), not_after: Stamp(not_after) });
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(chain, secret, &provider).map_err(|error| unfit(error.to_string()))?;
    Ok(Pair { certified: Arc::new(certified), not_after })
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    let unreadable = |source| PairError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(PairError::Large { path: path.to_owned() });
    }
    Ok(bytes)
}

/// When a certificate ends; none where it is no certificate.
fn not_after(der: &CertificateDer<'_>) -> Option<Wall> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Wall::from_micros(seconds.checked_mul(1_000_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_micros(1_772_416_800_000_000);

    fn made(folder: &Path, name: &str, year: i32) -> (PathBuf, PathBuf) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let paths = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&paths.0, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    #[test]
    fn a_pair_is_read_with_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = made(folder.path(), "good", 2_040);
        let pair = load(&certificate, &key, NOW).unwrap();
        assert_eq!(pair.not_after, Wall::from_micros(2_208_988_800_000_000));
    }

    #[test]
    fn each_fault_names_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (good, key) = made(folder.path(), "good", 2_040);
        let (other, _) = made(folder.path(), "other", 2_040);
        let (old, old_key) = made(folder.path(), "old", 2_020);
        let (large, text) = (folder.path().join("large"), folder.path().join("text"));
        std::fs::write(&large, vec![b'x'; (1 << 20) + 1]).unwrap();
        std::fs::write(&text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let none = folder.path().join("none");
        for (certificate, key, said) in [
            (&none, &key, "none cannot be read"),
            (&large, &key, "large holds more than"),
            (&key, &key, "good.key holds no certificate"),
            (&good, &good, "good.pem holds no private key"),
            (&text, &key, "text: it is no X.509"),
            (&other, &key, "other.pem: "),
            (&old, &old_key, "old.pem is over since"),
        ] {
            let error = load(certificate, key, NOW).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
