//! The gaps beside the recordings, so that their reasons outlive the index: a text a day on each volume, to which a line is added
//! before a gap's row changes. Each line has a checksum and begins anew whatever was torn before it; of a gap that was told of more
//! than once the last word counts. What was deleted by rule is not told here: the ledger has it.

use std::collections::BTreeMap;
use std::io;

use media::id::CameraId;
use media::wall::Wall;

use crate::disk::Volume;
use crate::gap::{Gap, GapReason};

/// Stands for what there is none of.
const NONE: &str = "-";
/// Hexadecimal digits of a line's checksum, which tells a torn line and proves nothing.
const CHECK_DIGITS: usize = 8;

/// What happened to a gap's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// When that was.
    pub(crate) at: Wall,
    pub(crate) camera: CameraId,
    /// Beginning of the gap.
    pub(crate) start: Wall,
    /// Its end, if it has one, and its reason; none where the row was taken out.
    pub(crate) told: Option<(Option<Wall>, GapReason)>,
}

impl Line {
    /// The gap was put in.
    pub(crate) fn put(at: Wall, camera: &CameraId, gap: &Gap) -> Self {
        Self { at, camera: camera.clone(), start: gap.start, told: Some((gap.end, gap.reason.clone())) }
    }

    /// The gap that began there was taken out.
    pub(crate) fn removed(at: Wall, camera: &CameraId, start: Wall) -> Self {
        Self { at, camera: camera.clone(), start, told: None }
    }

    fn encode(&self) -> String {
        let (end, reason) = match &self.told {
            Some((end, reason)) => (end.map_or_else(|| NONE.into(), |end| end.micros().to_string()), reason.as_str()),
            None => (NONE.into(), NONE),
        };
        let text = format!("{} {} {} {end} {reason}", self.at.micros(), self.camera, self.start.micros());
        format!("{} {text}", check(&text))
    }

    fn decode(line: &str) -> Option<Self> {
        let (known, text) = line.split_once(' ')?;
        let mut words = text.split(' ').filter(|_| known == check(text));
        let at = instant(words.next()?)?;
        let camera = words.next()?.parse().ok()?;
        let start = instant(words.next()?)?;
        let (end, reason) = (words.next()?, words.next()?);
        let told = (reason != NONE).then(|| (instant(end), GapReason::from_word(reason)));
        Some(Self { at, camera, start, told })
    }
}

fn instant(word: &str) -> Option<Wall> {
    word.parse().ok().map(Wall::from_micros)
}

fn check(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..CHECK_DIGITS].to_owned()
}

/// The note of the day, in UTC, to which a line of that instant is added. None for a time no calendar has.
pub(crate) fn name(at: Wall) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
    Some(time.strftime("%Y-%m-%d.log").to_string())
}

/// Lines as they are added. The first begins on a line of its own, whatever was torn before it.
pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().fold("\n".to_owned(), |text, line| text + &line.encode() + "\n")
}

/// Each line that is whole.
fn lines(text: &[u8]) -> impl Iterator<Item = Line> {
    text.split(|byte| *byte == b'\n').filter_map(|line| Line::decode(std::str::from_utf8(line).ok()?))
}

/// Gaps by camera and beginning.
pub(crate) type Told = BTreeMap<CameraId, BTreeMap<Wall, Gap>>;

/// What the volumes together say of all cameras' gaps, in the notes from `first` on; empty for all of them.
pub(crate) fn recall<'a>(volumes: impl IntoIterator<Item = &'a Volume>, first: &str) -> io::Result<Told> {
    let mut all = Vec::new();
    for volume in volumes {
        for name in volume.notes()?.iter().filter(|name| first <= name.as_str()) {
            all.extend(lines(&volume.note(name)?));
        }
    }
    all.sort_by_key(|line| line.at);
    let mut gaps = Told::new();
    for Line { camera, start, told, .. } in all {
        let of_camera = gaps.entry(camera).or_default();
        match told {
            Some((end, reason)) => drop(of_camera.insert(start, Gap { start, end, reason })),
            None => drop(of_camera.remove(&start)),
        }
    }
    Ok(gaps)
}

/// Takes away the days that ended before `oldest`: nothing from then is kept any more.
pub(crate) fn drop_before(volume: &Volume, oldest: Wall) -> io::Result<()> {
    let Some(first) = name(oldest) else { return Ok(()) };
    for over in volume.notes()?.into_iter().filter(|name| *name < first) {
        volume.remove_note(&over)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(seconds: i64) -> Wall {
        Wall::from_micros(seconds * 1_000_000)
    }

    fn some() -> Vec<Line> {
        let camera: CameraId = "cam-1".parse().unwrap();
        let open = Gap { start: wall(10), end: None, reason: GapReason::Camera("camera_timeout".into()) };
        let closed = Gap { end: Some(wall(20)), ..open.clone() };
        vec![
            Line::put(wall(15), &camera, &open),
            Line::put(wall(20), &camera, &closed),
            Line::removed(wall(21), &camera, wall(5)),
        ]
    }

    /// Lines of this layout are on disks: the texts may be added to, never changed.
    #[test]
    fn the_stored_form_is_frozen() {
        let text = "\n18767b74 15000000 cam-1 10000000 - camera_timeout\n\
            b40ce2db 20000000 cam-1 10000000 20000000 camera_timeout\nb8164253 21000000 cam-1 5000000 - -\n";
        assert_eq!(super::text(&some()), text);
        assert_eq!(lines(text.as_bytes()).collect::<Vec<_>>(), some());
    }

    #[test]
    fn a_torn_or_changed_line_costs_itself_alone() {
        let (first, later) = (text(&some()), text(&some()[..1]));
        for cut in 0..first.len() {
            let whole = first[..=cut].matches('\n').count().saturating_sub(1);
            let torn = format!("{}{later}", &first[..cut]);
            let found: Vec<Line> = lines(torn.as_bytes()).collect();
            assert_eq!(found.last(), some().first(), "cut at {cut}");
            assert!(found.len() > whole.saturating_sub(1), "cut at {cut}: {found:?}");
            assert!(found[..found.len() - 1].iter().eq(some().iter().take(found.len() - 1)), "cut at {cut}: {found:?}");
            let mut changed = first.clone().into_bytes();
            changed[cut] ^= 1;
            assert!(lines(&changed).all(|line| some().contains(&line)), "changed at {cut}");
        }
    }
}
