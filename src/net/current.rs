//! A value that is exchanged while sessions go on.

use std::sync::{Arc, Mutex, MutexGuard, RwLock};

/// The settings in force: each session takes the value of the moment and keeps
/// it, so that no session sees two halves of two files.
#[derive(Debug)]
pub struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    /// Starts with this value.
    pub fn new(value: T) -> Current<T> {
        Current(RwLock::new(Arc::new(value)))
    }

    /// The value of this moment.
    pub fn now(&self) -> Arc<T> {
        match self.0.read() {
            Ok(value) => Arc::clone(&value),
            Err(poisoned) => Arc::clone(&poisoned.into_inner()),
        }
    }

    /// Exchanges the value for sessions to come.
    pub fn set(&self, value: T) {
        let value = Arc::new(value);
        match self.0.write() {
            Ok(mut place) => *place = value,
            Err(poisoned) => *poisoned.into_inner() = value,
        }
    }
}

/// Takes the lock; also after a panic of whoever held it, for nothing in this
/// room is left half done under a lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
