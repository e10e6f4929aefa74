//! Players of live HLS, a thread each: every one asks for the next playlist before there is one, and then for the part that it names,
//! until it is refused.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Longest wait for an answer, far beyond that of a blocking reload.
const PATIENCE: Duration = Duration::from_secs(20);

/// Players that play.
pub(crate) struct Players {
    threads: Vec<JoinHandle<anyhow::Result<Refused>>>,
    stop: Arc<AtomicBool>,
}

/// How it ended for one.
pub(crate) struct Refused {
    pub(crate) last_media: Instant,
    /// The first answer that was no more than a refusal; none where it was stopped before.
    pub(crate) at: Option<Instant>,
    pub(crate) parts: u64,
}

impl Players {
    /// Plays all URLs.
    pub(crate) fn play(urls: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let play = |url: &String| {
            let (url, stop) = (url.clone(), Arc::clone(&stop));
            std::thread::spawn(move || Player::of(&url)?.play(&stop))
        };
        Self { threads: urls.iter().map(play).collect(), stop }
    }

    pub(crate) fn are_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Stops those that still play; how it ended for each.
    pub(crate) fn ends(self) -> anyhow::Result<Vec<Refused>> {
        self.stop.store(true, Ordering::Relaxed);
        let end = |thread: JoinHandle<anyhow::Result<Refused>>| thread.join().ok().context("a player's thread ended")?;
        self.threads.into_iter().map(end).collect()
    }
}

struct Player {
    agent: ureq::Agent,
    folder: String,
    last_media: Instant,
    buffer: Vec<u8>,
}

impl Player {
    fn of(url: &str) -> anyhow::Result<Self> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let folder = url.strip_suffix("index.m3u8").context("a playlist's URL")?.to_owned();
        Ok(Self { agent: config.build().into(), folder, last_media: Instant::now(), buffer: vec![0; 64 << 10] })
    }

    fn play(mut self, stop: &AtomicBool) -> anyhow::Result<Refused> {
        let (mut query, mut parts, mut at) = (String::new(), 0, None);
        while !stop.load(Ordering::Relaxed) && at.is_none() {
            match self.playlist(&query)? {
                None => at = Some(Instant::now()),
                Some(playlist) => {
                    let (segment, part) = hint(&playlist).context("a playlist hints at the next part")?;
                    query = format!("?_HLS_msn={segment}&_HLS_part={part}");
                    // It is asked for while it is made, as the hint is meant.
                    if self.part(&format!("part-{segment}.{part}.m4s"))? {
                        parts += 1;
                    } else {
                        at = Some(Instant::now());
                    }
                }
            }
        }
        Ok(Refused { last_media: self.last_media, at, parts })
    }

    /// None where it is refused.
    fn playlist(&self, query: &str) -> anyhow::Result<Option<String>> {
        let mut answer = self.agent.get(format!("{}index.m3u8{query}", self.folder)).call()?;
        let text = answer.body_mut().read_to_string()?;
        match answer.status().as_u16() {
            200 => Ok(Some(text)),
            403 => Ok(None),
            status => anyhow::bail!("playlist: {status} {text}"),
        }
    }

    /// False where it is refused, or cut off in the middle.
    fn part(&mut self, name: &str) -> anyhow::Result<bool> {
        let answer = self.agent.get(format!("{}{name}", self.folder)).call()?;
        let status = answer.status().as_u16();
        ensure!(matches!(status, 200 | 403), "{name}: {status}");
        let mut body = answer.into_body().into_reader();
        loop {
            match body.read(&mut self.buffer) {
                Ok(0) => return Ok(status == 200),
                Ok(_) if status == 200 => self.last_media = Instant::now(),
                Ok(_) => {}
                Err(_) => return Ok(false),
            }
        }
    }
}

/// The part that comes next: its segment and its number.
fn hint(playlist: &str) -> Option<(u64, u64)> {
    let uri = playlist.split("TYPE=PART,URI=\"part-").nth(1)?.split(".m4s").next()?;
    let (segment, part) = uri.split_once('.')?;
    Some((segment.parse().ok()?, part.parse().ok()?))
}
