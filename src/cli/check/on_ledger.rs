//! What the ledger says of recordings, held against what the index says.

use std::ops::ControlFlow;
use std::path::Path;

use control_api::ledger::Kind;
use control_api::ledger::search::{Candidate, search};
use media::id::CameraId;
use media::wall::Wall;
use recorder::check::{Checked, Claim, Claims};

/// The event of the ledger, as far as it is needed here.
#[derive(serde::Deserialize)]
struct Sealing {
    kind: String,
    detail: Detail,
}

#[derive(serde::Deserialize)]
struct Detail {
    #[serde(default)]
    segments: Vec<Sealed>,
}

#[derive(serde::Deserialize)]
struct Sealed {
    camera: String,
    volume: String,
    start_micros: i64,
    bytes: u64,
    blake3: String,
}

/// Compares. Every word counts: one that was changed, and told of anew by the start that found it so, was changed.
pub(super) fn against_ledger(ledger: &Path, mut claims: Claims, checked: &mut Checked) -> anyhow::Result<()> {
    let mut failed = None;
    let mut visit = |entry: &Candidate<'_>| {
        let Ok(sealing) = serde_json::from_slice::<Sealing>(entry.bytes()) else { return ControlFlow::Continue(()) };
        for sealed in sealing.detail.segments.iter().filter(|_| sealing.kind == Kind::SEGMENT_SEALED.as_str()) {
            let Ok(camera) = sealed.camera.parse::<CameraId>() else { continue };
            let (start, volume, hash) = (Wall::from_micros(sealed.start_micros), &sealed.volume, &sealed.blake3);
            match claims.dispute(&Claim { camera: &camera, start, volume, bytes: sealed.bytes, hash }) {
                Ok(finding) => finding.into_iter().for_each(|finding| checked.add(finding)),
                Err(error) => failed = Some(error),
            }
        }
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let searched = search(ledger, &mut visit, &mut |_, _| ());
    if let Some(error) = failed {
        return Err(error.into());
    }
    if let Some(first) = searched.findings.first() {
        anyhow::bail!("the ledger is not whole ({first}); see sluice ledger verify {}", ledger.display());
    }
    Ok(claims.close()?)
}
