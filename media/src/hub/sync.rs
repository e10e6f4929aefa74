//! The lock of the hub: the usual one, or loom's where the hub is model-checked (`make loom`).

#[cfg(not(feature = "loom"))]
pub(super) use parking_lot::Mutex;

#[cfg(feature = "loom")]
pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(feature = "loom")]
impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no thread of a model panics while it holds the lock")
    }
}
