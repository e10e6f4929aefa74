//! Players of live HLS, a thread each: every one asks for the next playlist before there is one, and then for the part that it names,
//! until it is refused.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Longest wait for an answer, far beyond that of a blocking reload.
const PATIENCE: Duration = Duration::from_secs(20);

/// Players that play.
pub(crate) struct Players {
    threads: Vec<JoinHandle<anyhow::Result<Played>>>,
    stop: Arc<AtomicBool>,
}

/// How it went for one.
pub(crate) struct Played {
    pub(crate) last_media: Instant,
    /// When he was refused for the first time; none where he was stopped before.
    pub(crate) refused: Option<Instant>,
    pub(crate) parts: u64,
}

/// What a part's request is answered with.
enum Part {
    Whole,
    /// It was never made: the segment ended before it.
    NotMade,
    /// Or cut off in the middle.
    Refused,
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
    pub(crate) fn ends(self) -> anyhow::Result<Vec<Played>> {
        self.stop.store(true, Ordering::Relaxed);
        let end = |thread: JoinHandle<anyhow::Result<Played>>| thread.join().ok().context("a player's thread ended")?;
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

    fn play(mut self, stop: &AtomicBool) -> anyhow::Result<Played> {
        let (mut query, mut parts) = (String::new(), 0);
        while !stop.load(Ordering::Relaxed) {
            let Some(playlist) = self.playlist(&query)? else { return Ok(self.played(parts, true)) };
            let (segment, part) = hint(&playlist).context("a playlist hints at the next part")?;
            query = format!("?_HLS_msn={segment}&_HLS_part={part}");
            // It is asked for while it is made, as the hint is meant.
            match self.part(&format!("part-{segment}.{part}.m4s"))? {
                Part::Whole => parts += 1,
                Part::NotMade => {}
                Part::Refused => return Ok(self.played(parts, true)),
            }
        }
        Ok(self.played(parts, false))
    }

    fn played(&self, parts: u64, refused: bool) -> Played {
        Played { last_media: self.last_media, refused: refused.then(Instant::now), parts }
    }

    /// None where it is refused.
    fn playlist(&self, query: &str) -> anyhow::Result<Option<String>> {
        let mut answer = self.agent.get(format!("{}index.m3u8{query}", self.folder)).call()?;
        let text = answer.body_mut().read_to_string()?;
        match answer.status().as_u16() {
            200 => Ok(Some(text)),
            403 => Ok(None),
            status => bail!("playlist: {status} {text}"),
        }
    }

    fn part(&mut self, name: &str) -> anyhow::Result<Part> {
        let answer = self.agent.get(format!("{}{name}", self.folder)).call()?;
        match answer.status().as_u16() {
            200 => {}
            403 => return Ok(Part::Refused),
            404 => return Ok(Part::NotMade),
            status => bail!("{name}: {status}"),
        }
        let mut body = answer.into_body().into_reader();
        loop {
            match body.read(&mut self.buffer) {
                Ok(0) => return Ok(Part::Whole),
                Ok(_) => self.last_media = Instant::now(),
                Err(_) => return Ok(Part::Refused),
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
