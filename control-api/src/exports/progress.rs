//! How far the rendering under way has come: one at a time, so one place. A reader sees it while it is under way; what is over is
//! in the export's history.

use parking_lot::Mutex;
use serde::Serialize;

use super::ExportId;
use crate::error::Bilingual;

/// How far a rendering is.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// From 0 to 1.
    pub share: f64,
    /// What is being done.
    pub doing: Bilingual,
}

/// The phases, each with its part of the whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// The recording is read.
    Reading,
    /// ffmpeg is at work.
    Rendering,
    /// The package is sealed.
    Sealing,
}

impl Phase {
    const fn words(self) -> (f64, f64, &'static str, &'static str) {
        match self {
            Self::Reading => (0.0, 0.1, "正在读取录像", "reading the recording"),
            Self::Rendering => (0.1, 0.85, "正在生成带可见标记的视频", "rendering with the visible mark"),
            Self::Sealing => (0.95, 0.05, "正在封装并签名", "sealing and signing"),
        }
    }
}

/// The one place.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Option<(ExportId, Progress)>>);

impl Board {
    /// So many of `all` are done of a phase.
    pub(super) fn put(&self, id: &ExportId, phase: Phase, done: u64, all: u64) {
        let (begin, part, zh, en) = phase.words();
        let share = begin + part * (done as f64 / all.max(1) as f64).clamp(0.0, 1.0);
        let doing = Bilingual { zh: zh.into(), en: en.into() };
        *self.0.lock() = Some((id.clone(), Progress { share, doing }));
    }

    pub(super) fn clear(&self) {
        *self.0.lock() = None;
    }

    /// Of this export, if it is the one under way.
    pub(super) fn of(&self, id: &ExportId) -> Option<Progress> {
        self.0.lock().as_ref().filter(|(at, _)| at == id).map(|(_, progress)| progress.clone())
    }
}
