//! An authority of the appliance's own, for closed networks: made at the first start, kept where only its owner reads it. What it signs
//! is good for the appliance's own names and for addresses of private networks only, so that whoever trusts it for the cameras has not
//! trusted it for anything else.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use media::wall::Wall;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

/// The authority is good for ten years: browsers are given it by hand.
const AUTHORITY_LASTS: Duration = Duration::from_secs(3_650 * 86_400);
/// A certificate is good for 90 days.
const LASTS: Duration = Duration::from_secs(90 * 86_400);
/// And a new one is made this long before it ends: a month of failing to is seen.
pub(super) const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 86_400);
/// Clients whose clocks are a day behind are served too.
const BACKDATED: Duration = Duration::from_secs(86_400);
/// Networks that nobody outside has; the appliance may be renumbered within them.
const PRIVATE_V4: [([u8; 4], u8); 5] =
    [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16)];
const PRIVATE_V6: [([u16; 8], u8); 3] =
    [([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), ([0, 0, 0, 0, 0, 0, 0, 1], 128)];

/// The files of an authority.
#[derive(Clone, Debug)]
pub(crate) struct PrivateCa {
    folder: PathBuf,
}

impl PrivateCa {
    /// In this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What browsers and players are given.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The certificate that listeners show, and its key.
    pub(super) fn pair(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("leaf.pem"), self.folder.join("leaf.key"))
    }

    fn key(&self) -> PathBuf {
        self.folder.join("ca.key")
    }

    /// Makes the authority where there is none. True where it was made.
    pub(crate) fn make(&self, names: &[String], now: Wall) -> anyhow::Result<bool> {
        if self.certificate().exists() && self.key().exists() {
            return Ok(false);
        }
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.with_context(|| format!("cannot make {}", self.folder.display()))?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Sluice private CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted(names), excluded_subtrees: Vec::new() });
        good_for(&mut params, now, AUTHORITY_LASTS)?;
        // The key first: a certificate without it would be given to browsers for nothing.
        write_private(&self.key(), key.serialize_pem().as_bytes())?;
        write_private(&self.certificate(), params.self_signed(&key)?.pem().as_bytes())?;
        Ok(true)
    }

    /// Makes a certificate for these names, and a new key for it. It is in place once this returns.
    pub(super) fn sign(&self, names: &[String], now: Wall) -> anyhow::Result<()> {
        let (authority, secret) = (text(&self.certificate())?, text(&self.key())?);
        let spoilt =
            || format!("{} cannot be used; move the folder away to get a new authority", self.folder.display());
        let issuer = Issuer::from_ca_cert_pem(&authority, KeyPair::from_pem(&secret).with_context(spoilt)?);
        let issuer = issuer.with_context(spoilt)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named("Sluice");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        good_for(&mut params, now, LASTS)?;
        let leaf = params.signed_by(&key, &issuer)?;
        self.permits(&authority, leaf.der(), names, now)?;
        let (certificate, secret) = self.pair();
        write_private(&secret, key.serialize_pem().as_bytes())?;
        write_private(&certificate, leaf.pem().as_bytes())
    }

    /// As a client will look at it.
    fn permits(&self, authority: &str, leaf: &CertificateDer<'_>, names: &[String], now: Wall) -> anyhow::Result<()> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        let at = UnixTime::since_unix_epoch(Duration::from_micros(now.micros().max(0).unsigned_abs()));
        for name in names {
            let server =
                ServerName::try_from(name.as_str()).with_context(|| format!("{name} is no name of a server"))?;
            verifier.verify_server_cert(leaf, &[], &server, &[], at).with_context(|| {
                format!(
                    "the private authority in {} is not for all of {}; move the folder away to get a new one, and give \
                     the new ca.pem to the browsers",
                    self.folder.display(),
                    names.join(", ")
                )
            })?;
        }
        Ok(())
    }
}

/// What the appliance is reached as: what was configured, what it listens at, what it is called, and where it sends from.
pub(crate) fn names(configured: &[String], public_host: Option<&str>, listens: &[IpAddr]) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let mut names: Vec<String> = configured.iter().cloned().chain(public_host.map(bare)).collect();
    names.extend(listens.iter().filter(|address| !address.is_unspecified()).map(ToString::to_string));
    names.extend(["localhost".into(), "127.0.0.1".into(), "::1".into(), host]);
    names.extend(sends_from().map(|address| address.to_string()));
    names.retain(|name| ServerName::try_from(name.as_str()).is_ok());
    names.sort_unstable();
    names.dedup();
    names
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// The addresses that packets to the world would leave from. Nothing is sent: a datagram socket is only pointed there.
fn sends_from() -> impl Iterator<Item = IpAddr> {
    // Documentation addresses (RFC 5737, RFC 3849): they stand for any host outside.
    let outside: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    outside.into_iter().filter_map(|(own, there)| {
        let socket = UdpSocket::bind((own, 0)).ok()?;
        socket.connect((there, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    })
}

/// What the authority may sign for.
fn permitted(names: &[String]) -> Vec<GeneralSubtree> {
    let v4 = PRIVATE_V4.iter().map(|(net, bits)| CidrSubnet::from_addr_prefix(IpAddr::from(*net), *bits));
    let v6 = PRIVATE_V6.iter().map(|(net, bits)| CidrSubnet::from_addr_prefix(IpAddr::from(*net), *bits));
    let mut permitted: Vec<_> = v4.chain(v6).map(GeneralSubtree::IpAddress).collect();
    permitted.extend(names.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    }));
    permitted
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From the day before to the beginning of the day that `lasts` ends on.
fn good_for(params: &mut CertificateParams, now: Wall, lasts: Duration) -> anyhow::Result<()> {
    let now = jiff::Timestamp::from_microsecond(now.micros())?;
    let date = |at: jiff::Timestamp| {
        let date = at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (date(now - BACKDATED), date(now + lasts));
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Whole or not at all, readable by its owner alone.
fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let made = options.write(true).create(true).truncate(true).mode(0o600).open(&new);
    let mut file = made.with_context(|| format!("cannot make {}", new.display()))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path).with_context(|| format!("cannot make {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: Wall = Wall::from_micros(1_772_416_800_000_000);

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn it_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let ca = PrivateCa::new(folder.path().join("tls"));
        assert!(ca.make(&owned(&["cameras.example"]), NOW).unwrap());
        assert!(!ca.make(&owned(&["cameras.example"]), NOW).unwrap());
        ca.sign(&owned(&["cameras.example", "127.0.0.1", "10.9.9.9", "::1"]), NOW).unwrap();
        let entries = fs::read_dir(folder.path().join("tls")).unwrap();
        let modes: Vec<_> =
            entries.map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777).collect();
        assert_eq!(modes, [0o600; 4]);
        let (certificate, key) = ca.pair();
        let pair = super::super::pair::load(&certificate, &key, NOW).unwrap();
        assert!(pair.not_after.since(NOW) > Duration::from_secs(88 * 86_400) && pair.not_after.since(NOW) <= LASTS);
    }

    #[test]
    fn it_signs_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let ca = PrivateCa::new(folder.path().join("tls"));
        ca.make(&owned(&["cameras.example"]), NOW).unwrap();
        for other in ["bank.example", "8.8.8.8"] {
            let error = ca.sign(&owned(&["cameras.example", other]), NOW).unwrap_err();
            assert!(error.to_string().contains(&format!("is not for all of cameras.example, {other}")), "{error:#}");
        }
        assert!(!ca.pair().0.exists(), "a certificate that clients refuse is not put in place");
    }

    #[test]
    fn the_appliance_knows_itself() {
        let listens = ["0.0.0.0".parse().unwrap(), "10.1.2.3".parse().unwrap()];
        let names = names(&owned(&["cams.example"]), Some("[fd00::7]"), &listens);
        for name in ["cams.example", "fd00::7", "10.1.2.3", "localhost", "127.0.0.1", "::1"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name == "0.0.0.0"));
    }
}
