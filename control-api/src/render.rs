//! Pictures made by ffmpeg: a process of its own that `sluice confine` has taken everything from but one folder to read and one
//! to write. Here is what it is told, how it is watched, and how it ends. Deliberately absent: whose picture it is and who may
//! have it (`exports`, `snapshots`).

mod font;
mod graph;
mod look;
mod process;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use media::wall::Clock;

pub use look::{Look, Region, staff_no_end};
pub use process::RenderError;

use process::Limits;

/// What is to be rendered.
#[derive(Clone, Debug)]
pub struct Clip<'a> {
    /// Its file, in the folder that is read.
    pub input: &'a str,
    /// Where it begins and ends, in microseconds of the file's own line.
    pub span_micros: (i64, i64),
    /// The instant of the file's zero, in microseconds since 1970.
    pub zero_micros: i64,
    /// It has sound, which is kept.
    pub sound: bool,
    /// What is put over it.
    pub look: &'a Look,
    /// What is made unrecognisable.
    pub regions: &'a [Region],
}

/// What comes out.
#[derive(Clone, Debug)]
pub enum Output<'a> {
    /// H.264 in MP4, each keyframe with this unit of user data: `UUID+text`.
    Video {
        /// The unit.
        mark: &'a str,
    },
    /// One JPEG picture: the first of the span.
    Picture,
}

/// Where pictures are made.
#[derive(Clone)]
pub struct Studio {
    program: PathBuf,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

/// A folder for one rendering, with a part to read and a part to write. It is gone when this is.
#[derive(Debug)]
pub struct Bench {
    root: PathBuf,
}

impl Studio {
    /// `program` is the appliance's own binary, which confines; what is under way lies in `folder`, which is emptied now.
    pub fn open(program: PathBuf, folder: PathBuf, clock: Arc<dyn Clock>) -> io::Result<Self> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { program, folder, clock })
    }

    /// A folder of this name for one rendering.
    pub fn bench(&self, name: &str) -> io::Result<Bench> {
        let bench = Bench { root: self.folder.join(name) };
        for part in [bench.input(), bench.output()] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(part)?;
        }
        Ok(bench)
    }

    /// Renders; `name` is the file that is made in the bench's output. Blocks its thread, which the process ends with.
    /// `progress` is told how many microseconds are done.
    pub fn render(
        &self,
        bench: &Bench,
        clip: &Clip<'_>,
        output: &Output<'_>,
        name: &str,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, RenderError> {
        let font = font::find()?;
        let written = [("mark.txt", clip.look.text.clone()), ("clock.txt", clip.look.clock(clip.zero_micros))];
        for (file, text) in written {
            fs::write(bench.input().join(file), text).map_err(RenderError::Folder)?;
        }
        let arguments = graph::arguments(clip, output, font, name);
        let length = Duration::from_micros(u64::try_from(clip.span_micros.1 - clip.span_micros.0).unwrap_or(0));
        let run = process::Run {
            program: &self.program,
            read: &bench.input(),
            write: &bench.output(),
            arguments,
            limits: Limits::of(length),
            clock: self.clock.as_ref(),
            stop,
        };
        run.finish(progress)?;
        Ok(bench.output().join(name))
    }
}

impl Bench {
    /// What the process may read.
    pub fn input(&self) -> PathBuf {
        self.root.join("in")
    }

    /// What the process may write.
    pub fn output(&self) -> PathBuf {
        self.root.join("out")
    }

    /// The folder of both, which the process does not see.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            tracing::warn!(folder = %self.root.display(), %error, "a rendering's folder stays until the next start");
        }
    }
}
