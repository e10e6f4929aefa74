//! Who reads, and which of them wait to be woken. A reader registers in constant time, however many there are.

use std::task::Waker;

#[derive(Default)]
pub(super) struct Wakers {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
    waiting: Vec<usize>,
}

impl Wakers {
    pub(super) fn add(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }

    pub(super) fn remove(&mut self, slot: usize) {
        if let Some(waker) = self.wakers.get_mut(slot) {
            if waker.take().is_some() {
                self.waiting.retain(|s| *s != slot);
            }
            self.free.push(slot);
        }
    }

    pub(super) fn wait(&mut self, slot: usize, waker: &Waker) {
        let Some(place) = self.wakers.get_mut(slot) else { return };
        match place {
            Some(old) => old.clone_from(waker),
            None => {
                *place = Some(waker.clone());
                self.waiting.push(slot);
            }
        }
    }

    /// The wakers of those who wait; they wait no more. A stream has a reader or two that can be woken for each core.
    pub(super) fn take_waiting(&mut self) -> smallvec::SmallVec<[Waker; 4]> {
        let wakers = &mut self.wakers;
        self.waiting.drain(..).filter_map(|slot| wakers.get_mut(slot).and_then(Option::take)).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.wakers.len() - self.free.len()
    }
}
