//! The package: one ZIP without compression that any computer opens. Its files, and the key that signs its manifest. Absent: the
//! check of it, which is `verify`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::manifest::FileHash;
use crate::ledger::merkle::Hash;

/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// Its signature.
pub const SIGNATURE: &str = "manifest.sig";
/// That the ledger knows it.
pub const PROOF: &str = "ledger-proof.json";
/// What the package is, for people.
pub const README: &str = "README.txt";
/// What the signature is over, before the manifest: the key signs nothing that could be taken for something else.
const CONTEXT: &[u8] = b"sluice export manifest v1\n";
/// A file longer than this needs the long form of ZIP.
const ZIP32_BYTES_MAX: u64 = 0xffff_0000;
/// Bytes copied or hashed at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Signs manifests. Neither shown nor logged.
#[derive(Clone)]
pub struct ExportKey(SigningKey);

impl ExportKey {
    /// The key of these random bytes.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half, base64.
    pub fn public(&self) -> String {
        BASE64.encode(self.0.verifying_key().as_bytes())
    }

    /// The text of the signature's file.
    pub(super) fn sign(&self, manifest: &[u8]) -> String {
        let signature = self.0.sign(&[CONTEXT, manifest].concat());
        format!("{}\n", BASE64.encode(signature.to_bytes()))
    }
}

/// Whether `text` is byte for byte the signature's file of this manifest by this public key.
pub(super) fn signature_holds(public: &str, manifest: &[u8], text: &[u8]) -> bool {
    let check = || {
        let key = VerifyingKey::from_bytes(&BASE64.decode(public).ok()?.try_into().ok()?).ok()?;
        let line = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
        let signature = Signature::from_slice(&BASE64.decode(line).ok()?).ok()?;
        key.verify_strict(&[CONTEXT, manifest].concat(), &signature).ok()
    };
    check().is_some()
}

/// That the ledger has an entry with the manifest's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The entry, byte for byte.
    pub entry: String,
    /// Its place.
    pub index: u64,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The path from the entry to the root, hex.
    pub path: Vec<String>,
    /// The signed checkpoint (c2sp.org/tlog-checkpoint).
    pub checkpoint: String,
    /// The ledger's public key.
    pub ledger_key: String,
}

impl Proof {
    /// The path as hashes; none where one of them is none.
    pub(super) fn hashes(&self) -> Option<Vec<Hash>> {
        self.path.iter().map(|text| hex::decode(text).ok()?.try_into().ok()).collect()
    }
}

/// Length and hash of a file, as the manifest has it.
pub(super) fn hash(path: &Path, name: &str) -> io::Result<FileHash> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    each_piece(&mut File::open(path)?, |piece| {
        hasher.update(piece);
        bytes += piece.len() as u64;
        Ok(())
    })?;
    Ok(FileHash { name: name.into(), bytes, sha256: hex::encode(hasher.finalize()) })
}

/// Calls `take` with each piece of what is read, to its end.
pub(super) fn each_piece(from: &mut impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => take(piece.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file of the package: what it holds, or where that lies.
pub(super) enum Content {
    Text(Vec<u8>),
    File(PathBuf),
}

/// Writes the package whole, or not at all; its length.
pub(super) fn write(path: &Path, files: &[(String, Content)]) -> io::Result<u64> {
    let draft = path.with_extension("draft");
    let mut zip = ZipWriter::new(File::create(&draft)?);
    for (name, content) in files {
        let long = match content {
            Content::Text(_) => false,
            Content::File(path) => path.metadata()?.len() > ZIP32_BYTES_MAX,
        };
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(long);
        zip.start_file(name.as_str(), options)?;
        match content {
            Content::Text(text) => zip.write_all(text)?,
            Content::File(path) => each_piece(&mut File::open(path)?, |piece| zip.write_all(piece))?,
        }
    }
    let file = zip.finish()?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    std::fs::rename(&draft, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}

/// What the package says to people.
pub(super) fn readme(export: &str) -> String {
    format!(
        "视频监控录像导出包 / Export of a surveillance recording\n导出编号 / export id: {export}\n\n\
         本包含有:视频(每帧带可见标记:单位、姓名、工号后四位、导出编号、时间)、manifest.json(申请、签署、审批、放行人员,\n\
         来源录像及其哈希)、manifest.sig(签名)、ledger-proof.json(账本收录证明)。\n\
         仅限申请所列用途,不得转拍、复制、传播。视频内另有不可见标记,可追溯到本次导出。\n\
         验证(无需联网): sluice verify-export 本文件.zip\n\n\
         In here: the video with its visible mark, a manifest that names who asked, endorsed, approved and released, and the\n\
         recordings with their hashes; the manifest's signature; the proof that the ledger knows it. Use it for the purpose in the\n\
         manifest alone. The video also carries marks that are not seen and that lead back to this export.\n\
         Check it, without a network: sluice verify-export THIS-FILE.zip\n\
         The SHA-256 of each file is in manifest.json, so that sha256sum will do for the files alone.\n"
    )
}
