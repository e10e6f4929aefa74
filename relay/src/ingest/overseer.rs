//! The clock of a core's connections: one task comes by a few times a second and wakes those that have something to look at, so
//! that no camera needs a timer of its own.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::core::Local;

/// How often it comes by: a quarter of the shortest time that is looked at.
const ROUND: Duration = Duration::from_millis(250);

/// The connections of a core that are looked after.
#[derive(Default)]
struct Round(RefCell<Vec<Weak<Watch>>>);

/// One connection's alarm.
pub(super) struct Watch {
    due: Cell<Duration>,
    waker: RefCell<Option<Waker>>,
}

/// An alarm on this core. The first one starts the overseer.
pub(super) fn watch(local: &Rc<Local>, due: Duration) -> Rc<Watch> {
    let watch = Rc::new(Watch { due: Cell::new(due), waker: RefCell::default() });
    let round = local.common(|| {
        tokio::task::spawn_local(come_by(Rc::clone(local)));
        Round::default()
    });
    round.0.borrow_mut().push(Rc::downgrade(&watch));
    watch
}

async fn come_by(local: Rc<Local>) {
    let round = local.common(Round::default);
    let mut ticks = tokio::time::interval(ROUND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = local.clock().monotonic();
        round.0.borrow_mut().retain(|watch| {
            let Some(watch) = watch.upgrade() else { return false };
            if watch.due.get() <= now
                && let Some(waker) = watch.waker.borrow_mut().take()
            {
                waker.wake();
            }
            true
        });
    }
}

impl Watch {
    /// Sets the alarm. The task is woken at that time or soon after, if it waits then.
    pub(super) fn set(&self, due: Duration) {
        self.due.set(due);
    }

    /// The task waits.
    pub(super) fn wait(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(old) => old.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
    }
}
