//! What is made of a released export: videos, then a package. Two halves: the first blocks a thread and leaves files in a bench,
//! the second puts the manifest's hash on the ledger and waits for the checkpoint that proves it.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::id::{Profile, StreamKey};
use media::mark::{SessionMark, UUID};
use media::trace::Tracer;
use recorder::Range;
use recorder::playback::PlaybackError;
use recorder::playback::extract::{Extract, ExtractError, Part};

use super::desk::{Exports, as_value};
use super::manifest::{EXPORT_RENDERED, Gap, Manifest, Person, Source, VERSION, Video, canonical, sha256};
use super::package::{self, Content, MANIFEST, PROOF, Proof, README, SIGNATURE, each_piece};
use super::progress::Phase;
use super::{Export, Sealed, Step, sources};
use crate::ledger::{Event, LedgerError, LedgerUnavailable};
use crate::registers::{UserId, camera, unit, user};
use crate::render::{Bench, Clip, Look, Output, RenderError};
use crate::stamp::Stamp;
use crate::store::StoreError;

/// Copies of a recording that lie on the disk while it is exported: its own, the videos, the package. What is rendered anew with its
/// mark is about as large as what a camera sends.
const COPIES: u64 = 3;
/// Room that an export leaves to others.
const ROOM_BYTES: u64 = 512 << 20;
/// Looks for the checkpoint over the manifest's entry; the ledger signs within a second.
const CHECKPOINT_LOOKS_MAX: u32 = 300;
const CHECKPOINT_LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why there is no package. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Extract(#[from] ExtractError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error("{0} does not carry its mark")]
    Unmarked(String),
    #[error("the package's files: {0}")]
    Files(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Read(#[from] LedgerError),
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    #[error("the recorder's index: {0}")]
    Index(String),
    #[error("{free} bytes are free at exports.path and {needed} are needed")]
    NoRoom { free: u64, needed: u64 },
    #[error("the ledger signs no checkpoint")]
    NoCheckpoint,
    #[error("the export is not whole: {0}")]
    Contradiction(&'static str),
}

impl Failure {
    /// Why, as the export's history has it: for clerks, and without anything from inside.
    pub(super) fn told(&self) -> String {
        let (zh, en) = match self {
            Self::Extract(ExtractError::Nothing) => ("该时段没有录像", "there is no recording in this stretch"),
            Self::Extract(ExtractError::TooLong) => {
                ("该时段录像段过多,请缩短", "too many recordings; ask for a shorter stretch")
            }
            Self::Extract(ExtractError::Source(PlaybackError::Damaged { .. })) => {
                ("录像已损坏", "a recording is damaged")
            }
            Self::Extract(_) | Self::Files(_) => ("磁盘读写失败", "the disk could not be read or written"),
            Self::Render(RenderError::NoFont) => {
                ("缺少中文字体 fonts-wqy-microhei", "the package fonts-wqy-microhei is not installed")
            }
            Self::Render(RenderError::NotConfined(_)) => {
                ("本机不能隔离 ffmpeg,不予生成", "ffmpeg cannot be confined on this machine, or is not installed")
            }
            Self::Render(RenderError::TooSlow(_)) => ("生成超时", "it took too long"),
            Self::Render(_) => ("录像无法解码或生成失败", "the recording could not be decoded or rendered"),
            Self::NoRoom { .. } => ("磁盘空间不足", "there is not enough room on the disk of exports.path"),
            Self::Unmarked(_) => ("未能加注标记", "it could not be marked"),
            Self::Read(_) | Self::Ledger(_) | Self::NoCheckpoint => ("账本暂不可用", "the ledger is not available"),
            Self::Store(_) | Self::Index(_) | Self::Contradiction(_) => ("内部错误", "something failed inside"),
        };
        format!("{zh} / {en}")
    }
}

/// What the first half leaves to the second.
pub(super) struct Rendered {
    bench: Bench,
    videos: Vec<Video>,
    sources: Vec<Source>,
    gaps: Vec<Gap>,
    mark: String,
}

/// Takes the recordings out and renders them. Blocks; the renderer's process dies with this thread.
pub(super) fn render(exports: &Exports, export: &Export) -> Result<Rendered, Failure> {
    let tools = &exports.tools;
    let (form, stop) = (&export.form, &exports.stop);
    let camera = form.camera.parse().map_err(|_| Failure::Contradiction("its camera has no name"))?;
    let stream = StreamKey { camera, profile: Profile::Main };
    let range = Range { stream, from: form.from.0, to: form.to.0 };
    let bench = tools.setup.studio.bench(&export.id.0)?;
    let timeline = tools.recordings.timeline(&range.stream, range.from, range.to);
    let timeline = timeline.map_err(|error| Failure::Index(error.to_string()))?;
    let gap = |gap: crate::ports::Missing| Gap { from: gap.start.into(), to: gap.end.into(), reason: gap.reason };
    let gaps = timeline.gaps.into_iter().map(gap).collect();
    room_for(&tools.setup.folder, timeline.items.iter().map(|item| item.bytes).sum())?;
    let mut watch = |done, all| {
        exports.board.put(&export.id, Phase::Reading, done, all);
        !stop.load(Ordering::Relaxed)
    };
    let extract = tools.setup.source.extract(&range, &bench.input(), &mut watch)?;
    let sources = sources::with_standing(&tools.ledger, &extract.sources)?;
    let videos = videos(exports, export, &bench, &extract)?;
    let mark = export.mark.clone().ok_or(Failure::Contradiction("it has no mark"))?;
    Ok(Rendered { bench, videos, sources, gaps, mark })
}

/// Whether the disk takes a second copy of the recording, the videos and the package, and keeps some room for others: the ledger
/// may lie on the same one.
fn room_for(folder: &Path, recorded_bytes: u64) -> Result<(), Failure> {
    let disk = rustix::fs::statvfs(folder).map_err(io::Error::from)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = recorded_bytes.saturating_mul(COPIES).saturating_add(ROOM_BYTES);
    if free < needed { Err(Failure::NoRoom { free, needed }) } else { Ok(()) }
}

fn videos(exports: &Exports, export: &Export, bench: &Bench, extract: &Extract) -> Result<Vec<Video>, Failure> {
    let tools = &exports.tools;
    let look = look(exports, export)?;
    let session: SessionMark =
        export.mark.as_ref().and_then(|mark| mark.parse().ok()).ok_or(Failure::Contradiction("it has no mark"))?;
    let spans: Vec<(&Part, (i64, i64))> =
        extract.parts.iter().filter_map(|part| Some((part, span(part, export)?))).collect();
    let all: u64 = spans.iter().map(|(_, (from, to))| (to - from).unsigned_abs()).sum();
    let (mut done, mut videos) = (0, Vec::new());
    for (number, (part, (from, to))) in (1..).zip(&spans) {
        let name = if spans.len() == 1 { "video.mp4".into() } else { format!("video-{number}.mp4") };
        let at = |micros: i64| Stamp(media::wall::Wall::from_micros(part.zero.micros() + micros));
        let text = tools.marks.write(session, at(*from).0);
        let text = String::from_utf8_lossy(&text).into_owned();
        let mark = format!("{}+{text}", hex::encode(UUID));
        let clip = Clip {
            input: &part.name,
            span_micros: (*from, *to),
            zero_micros: part.zero.micros(),
            sound: part.sound,
            look: &look,
            regions: &export.form.redact,
        };
        let mut progress = |micros| exports.board.put(&export.id, Phase::Rendering, done + micros, all);
        let output = Output::Video { mark: &mark };
        let made = tools.setup.studio.render(bench, &clip, &output, &name, &exports.stop, &mut progress)?;
        // The renderer may have been taken over; no copy leaves without a mark, whatever it did.
        if !is_marked(&made, text.as_bytes())? {
            return Err(Failure::Unmarked(name));
        }
        done += (to - from).unsigned_abs();
        // Its input is not needed any more, and may be large.
        std::fs::remove_file(bench.input().join(&part.name))?;
        videos.push(Video { file: name, from: at(*from), to: at(*to) });
    }
    if videos.is_empty() { Err(ExtractError::Nothing.into()) } else { Ok(videos) }
}

/// The part of the stretch that lies in this file, on its line.
fn span(part: &Part, export: &Export) -> Option<(i64, i64)> {
    let from = part.start.max(export.form.from.0).micros_since(part.zero);
    let to = part.end.min(export.form.to.0).micros_since(part.zero);
    (from < to).then_some((from, to))
}

/// The visible mark: of whoever asked.
fn look(exports: &Exports, export: &Export) -> Result<Look, Failure> {
    let tools = &exports.tools;
    let person = user::load(&tools.store, &export.requester)?.map(|row| row.value);
    let unit = unit::load(&tools.store, &export.unit)?.map_or_else(|| export.unit.to_string(), |row| row.value.name);
    let name = person.as_ref().map_or(export.requester.as_str(), |person| person.name.as_str());
    let staff_no = person.as_ref().and_then(|person| person.staff_no.as_deref());
    Ok(Look::new(&unit, name, staff_no, &export.id.0, tools.sessions.zone(), export.form.from.0))
}

/// Every mark in the file is this one, and there is one.
fn is_marked(video: &Path, text: &[u8]) -> io::Result<bool> {
    let (mut tracer, mut right, mut wrong) = (Tracer::default(), 0, 0);
    let mut take = |mark: &media::trace::Mark| if mark.text.as_slice() == text { right += 1 } else { wrong += 1 };
    each_piece(&mut std::fs::File::open(video)?, |piece| {
        tracer.push(piece, &mut |mark| take(&mark));
        Ok(())
    })?;
    tracer.finish(&mut |mark| take(&mark));
    Ok(right > 0 && wrong == 0)
}

/// Signs the manifest, puts its hash on the ledger, waits for the proof and writes the package.
pub(super) async fn seal(exports: &Exports, export: &Export, rendered: Rendered) -> Result<Sealed, Failure> {
    let tools = &exports.tools;
    let readme = package::readme(&export.id.0).into_bytes();
    std::fs::write(rendered.bench.root().join(README), &readme)?;
    let (manifest, rendered) = {
        let (tools, export) = (exports.tools.setup.key.public(), export.clone());
        let persons = persons(exports, &export)?;
        let camera_name = camera_name(exports, &export)?;
        let (now, ledger_key) = (exports.tools.clock.wall(), exports.tools.ledger.verifier_key()?.to_string());
        let work = move || manifest(&export, rendered, persons, camera_name, now.into(), tools, ledger_key);
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??
    };
    let bytes = manifest.canonical();
    let manifest_sha256 = sha256(&bytes);
    let event = rendered_event(export, &manifest_sha256, tools.clock.wall());
    let index = tools.ledger.append_async(&event).await?.index();
    let proof = prove(exports, &event, index, manifest.ledger_key.clone()).await?;
    let signature = tools.setup.key.sign(&bytes).into_bytes();
    let output = rendered.bench.output();
    let mut files: Vec<(String, Content)> =
        rendered.videos.iter().map(|v| (v.file.clone(), Content::File(output.join(&v.file)))).collect();
    files.push((MANIFEST.into(), Content::Text(bytes)));
    files.push((SIGNATURE.into(), Content::Text(signature)));
    files.push((PROOF.into(), Content::Text(canonical(&proof))));
    files.push((README.into(), Content::Text(readme)));
    let path = exports.package(&export.id);
    let written = tokio::task::spawn_blocking(move || {
        let bytes = package::write(&path, &files);
        drop(rendered);
        bytes
    });
    let bytes = written.await.map_err(io::Error::other)??;
    Ok(Sealed { bytes, manifest_sha256, entry: index })
}

/// The manifest, with the hash of each file. Blocks.
fn manifest(
    export: &Export,
    rendered: Rendered,
    persons: Vec<Person>,
    camera_name: String,
    rendered_at: Stamp,
    export_key: String,
    ledger_key: String,
) -> io::Result<(Manifest, Rendered)> {
    let output = rendered.bench.output();
    let mut files = Vec::new();
    for video in &rendered.videos {
        files.push(package::hash(&output.join(&video.file), &video.file)?);
    }
    files.push(package::hash(&rendered.bench.root().join(README), README)?);
    let manifest = Manifest {
        version: VERSION,
        export: export.id.0.clone(),
        camera_name,
        request: export.form.clone(),
        unit: export.unit.to_string(),
        persons,
        rendered_at,
        mark: rendered.mark.clone(),
        videos: rendered.videos.clone(),
        gaps: rendered.gaps.clone(),
        sources: rendered.sources.clone(),
        files,
        export_key,
        ledger_key,
    };
    Ok((manifest, rendered))
}

fn rendered_event(export: &Export, manifest_sha256: &str, now: media::wall::Wall) -> Event {
    let event = Event::new(EXPORT_RENDERED, now)
        .object(format!("{}{}", super::desk::EXPORTS, export.id.0))
        .articles(["J-24(3)", "J-26"])
        .purpose(&export.form.purpose)
        .with("manifest_sha256", manifest_sha256)
        .with("mark", as_value(&export.mark));
    match &export.session {
        Some(session) => event.session(&session.0),
        None => event,
    }
}

/// That the entry is under a signed checkpoint.
async fn prove(exports: &Exports, event: &Event, index: u64, ledger_key: String) -> Result<Proof, Failure> {
    let ledger = exports.tools.ledger.clone();
    for _ in 0..CHECKPOINT_LOOKS_MAX {
        let checkpoint = ledger.checkpoint();
        if checkpoint.size <= index {
            tokio::time::sleep(CHECKPOINT_LOOK_EVERY).await;
            continue;
        }
        let (size, of) = (checkpoint.size, ledger.clone());
        let path = tokio::task::spawn_blocking(move || of.prove_inclusion(index, size)).await;
        let path = path.map_err(io::Error::other)??.ok_or(Failure::NoCheckpoint)?;
        return Ok(Proof {
            entry: String::from_utf8_lossy(&event.canonical()).into_owned(),
            index,
            size,
            path: path.iter().map(hex::encode).collect(),
            checkpoint: checkpoint.note,
            ledger_key,
        });
    }
    Err(Failure::NoCheckpoint)
}

fn camera_name(exports: &Exports, export: &Export) -> Result<String, Failure> {
    let Ok(id) = export.form.camera.parse() else { return Ok(String::new()) };
    let camera = camera::load(&exports.tools.store, &id)?;
    Ok(camera.map_or_else(String::new, |row| row.value.name))
}

/// Who took part, with the names that the register has now.
fn persons(exports: &Exports, export: &Export) -> Result<Vec<Person>, Failure> {
    let filed = export.history.first().map(|line| line.at);
    let took = |step: Step, user: Option<&UserId>| Some((step.word(), user?.clone(), export.taken_at(step)?));
    let parts = [
        filed.map(|at| ("request", export.requester.clone(), at)),
        took(Step::Endorse, export.endorser.as_ref()),
        took(Step::Approve, export.approver.as_ref()),
        took(Step::Release, export.releaser.as_ref()),
    ];
    let mut persons = Vec::new();
    for (step, id, at) in parts.into_iter().flatten() {
        let known = user::load(&exports.tools.store, &id)?.map(|row| row.value);
        let (name, unit) = known.map(|user| (user.name, user.unit.to_string())).unwrap_or_default();
        persons.push(Person { step: step.into(), user: id.to_string(), name, unit, at });
    }
    Ok(persons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_would_fill_the_disk_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let refused = room_for(folder.path(), 1 << 60).unwrap_err();
        assert!(matches!(refused, Failure::NoRoom { .. }) && refused.told().contains("磁盘空间不足"), "{refused}");
    }

    #[test]
    fn every_reason_is_told_in_both_languages_and_without_a_path() {
        let path = || "/secret/path".to_owned();
        let failures = [
            Failure::Extract(ExtractError::Nothing),
            Failure::Extract(ExtractError::Source(PlaybackError::Damaged { path: path() })),
            Failure::Extract(ExtractError::Write { path: path(), source: io::Error::other("x") }),
            Failure::Render(RenderError::NotConfined(path())),
            Failure::Render(RenderError::NoFont),
            Failure::Unmarked(path()),
            Failure::NoCheckpoint,
        ];
        for failure in failures {
            let told = failure.told();
            assert!(told.contains(" / ") && !told.contains("secret"), "{told}");
        }
    }
}
