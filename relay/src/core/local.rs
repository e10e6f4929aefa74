//! What belongs to one core alone and is used by its thread only, so that it needs no lock: the engine, and what the tasks
//! there keep in common.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use media::wall::Clock;
use uring::Engine;

use super::CoreId;
use super::busy::Busy;

/// A core as its own tasks see it.
pub struct Local {
    id: CoreId,
    engine: RefCell<Engine>,
    busy: Arc<Busy>,
    clock: Arc<dyn Clock>,
    /// One value of each kind.
    common: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
}

impl Local {
    pub(super) fn new(id: CoreId, engine: Engine, busy: Arc<Busy>, clock: Arc<dyn Clock>) -> Rc<Self> {
        Rc::new(Self { id, engine: RefCell::new(engine), busy, clock, common: RefCell::default() })
    }

    /// Which core it is.
    pub fn id(&self) -> CoreId {
        self.id
    }

    /// Sends for this core. Not to be held across an await.
    pub fn engine(&self) -> &RefCell<Engine> {
        &self.engine
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The share of its time in which the core was at work lately, from 0 to 1.
    pub fn busy_share(&self) -> f64 {
        self.busy.share()
    }

    /// The value of this kind that all tasks here share; made at the first call.
    pub fn common<T: 'static>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        if let Some(Ok(found)) = self.common.borrow().get(&TypeId::of::<T>()).cloned().map(Rc::downcast) {
            return found;
        }
        let made = Rc::new(make());
        self.common.borrow_mut().insert(TypeId::of::<T>(), Rc::clone(&made) as Rc<dyn Any>);
        made
    }
}
