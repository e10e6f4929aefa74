//! What the machine must give before anything starts: addresses that are free, folders that can be written. Looks only;
//! it creates nothing and leaves nothing bound. A start that races with another program for a port still fails at the bind.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use media::wall::Clock as _;

use super::{Config, Fault};

/// Everything of this configuration that the machine does not give now.
pub(super) fn check(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, address) in addresses(config) {
        faults.extend(taken(address).map(|(what, remedy)| fault(config, key, what, remedy)));
    }
    for (key, folder) in folders(config) {
        faults.extend(unwritable(folder).map(|(what, remedy)| fault(config, key, what, remedy)));
    }
    faults.extend(same_folder(config));
    faults.extend(certificate(config));
    faults
}

fn addresses(config: &Config) -> Vec<(&'static str, SocketAddr)> {
    let mut list = vec![("api.listen", config.api.listen), ("metrics.listen", config.metrics_listen)];
    list.extend(config.relay.rtsp_listen.iter().map(|address| ("rtsp.listen", *address)));
    list.extend(config.relay.rtsp_tls_listen.iter().map(|address| ("rtsp.tls_listen", *address)));
    list
}

fn folders(config: &Config) -> Vec<(&'static str, &Path)> {
    let mut list: Vec<(&'static str, &Path)> = vec![
        ("exports.path", &config.exports_path),
        ("ledger.path", &config.ledger_path),
        ("state.path", &config.state_path),
    ];
    // Where there are several, one that is away is told at the start, and the others go on.
    list.extend(Some(&config.recorder.roots).filter(|roots| roots.len() == 1).into_iter().flatten().map(|root| {
        let root: &Path = root;
        ("recorder.path", root)
    }));
    list.sort_unstable();
    list
}

fn fault(config: &Config, key: &str, what: String, remedy: String) -> Fault {
    Fault { line: config.line(key), key: key.into(), what, remedy }
}

/// Why nothing can listen at the address, and what to do about it.
fn taken(address: SocketAddr) -> Option<(String, String)> {
    let error = TcpListener::bind(address).err()?;
    Some(match error.kind() {
        ErrorKind::AddrInUse => (
            format!("{address} is in use"),
            format!("end the program that `ss -ltnp 'sport = :{}'` names, or choose another port", address.port()),
        ),
        ErrorKind::PermissionDenied => {
            (format!("{address} needs a privilege"), "choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE".into())
        }
        ErrorKind::AddrNotAvailable => (
            format!("{address} is no address of this machine"),
            "choose one that `ip address` lists, or 0.0.0.0 for all".into(),
        ),
        _ => (format!("{address} cannot be listened at: {error}"), "choose another address".into()),
    })
}

/// Why the certificate cannot be shown; its words name the file and what to do.
fn certificate(config: &Config) -> Option<Fault> {
    let now = crate::clock::SystemClock::start().wall();
    let told = crate::tls::fault(config.tls.as_ref()?, now)?;
    let (what, remedy) = told.rsplit_once("; ").unwrap_or((told.as_str(), "name a pair of PEM files"));
    Some(fault(config, "tls.certificate", what.into(), remedy.into()))
}

/// Why the folder, or the one it will be made in, cannot be written, and what to do about it.
fn unwritable(folder: &Path) -> Option<(String, String)> {
    let present = folder.ancestors().find(|ancestor| ancestor.exists())?;
    let shown = present.display();
    if !present.is_dir() {
        return Some((format!("{shown} is not a folder"), "name a folder, or a path that does not exist yet".into()));
    }
    let error = probe(present).err()?;
    let remedy =
        format!("give it to the user that runs sluice, such as `chown sluice: {shown}`, or choose another folder");
    Some((format!("{shown} cannot be written: {error}"), remedy))
}

/// Makes a file in the folder and removes it. Its name is nobody else's: two checks may look at one folder at once.
fn probe(folder: &Path) -> std::io::Result<()> {
    static PROBES: AtomicU64 = AtomicU64::new(0);
    let number = PROBES.fetch_add(1, Ordering::Relaxed);
    let name = folder.join(format!(".sluice-check-{}-{number}", std::process::id()));
    std::fs::File::create(&name)?;
    std::fs::remove_file(&name)
}

/// Folders that are one and the same: each of them wants to be alone in its own.
fn same_folder(config: &Config) -> Vec<Fault> {
    let mut first: BTreeMap<PathBuf, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for (key, folder) in folders(config) {
        if let Some(other) = first.insert(folder.to_owned(), key) {
            let what = format!("{} is also {other}", folder.display());
            faults.push(fault(config, key, what, "give each a folder of its own".into()));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let (config, faults) = Config::read(text, Path::new("/etc/sluice/sluice.toml"));
        assert!(faults.is_empty(), "{faults:?}");
        config
    }

    #[test]
    fn names_the_busy_port_and_the_bad_folder_with_their_lines() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = busy.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[api]\nlisten = \"{address}\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n[rtsp]\nlisten = [\"127.0.0.1:0\"]\n\
             [ledger]\npath = \"/dev/null/ledger\"\n[recorder]\npath = \"{0}/rec\"\n[state]\npath = \"{0}/state\"\n\
             [exports]\npath = \"{0}/exports\"\n",
            folder.path().display()
        );
        let faults: Vec<String> = check(&config(&text)).iter().map(Fault::to_string).collect();
        assert_eq!(
            faults,
            [
                format!(
                    "line 2: api.listen: {address} is in use; end the program that `ss -ltnp 'sport = :{}'` names, or choose another port",
                    address.port()
                ),
                "line 8: ledger.path: /dev/null is not a folder; name a folder, or a path that does not exist yet"
                    .to_owned(),
            ]
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a check leaves nothing behind");
    }

    #[test]
    fn one_folder_serves_one_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n[rtsp]\nlisten = [\"127.0.0.1:0\"]\n\
             [ledger]\npath = \"{0}/a\"\n[recorder]\npath = \"{0}/b\"\n[state]\npath = \"{0}/a\"\n\
             [exports]\npath = \"{0}/exports\"\n",
            folder.path().display()
        );
        let faults = check(&config(&text));
        assert_eq!(faults.len(), 1);
        let first = faults.first().unwrap();
        assert_eq!((first.line, first.key.as_str()), (Some(12), "state.path"));
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let (what, _) = taken("192.0.2.1:0".parse().unwrap()).expect("a documentation address is nobody's");
        assert_eq!(what, "192.0.2.1:0 is no address of this machine");
    }
}
