//! How many calls of a provider run at once, in all processes of a user.
//!
//! Invariants
//! - A slot is a locked file. The system lets go of it when its process ends in whatever way, so none is ever lost.
//! - Files stay when they are free: removing one would let two processes hold the same number.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::llm::Timer;
use crate::vcs::durable::{Lock, create_directories};

/// How often it is looked whether a slot is free. A lock on any one of several files cannot be waited for.
const LOOK: Duration = Duration::from_millis(50);

/// The slots of one provider.
pub struct Slots {
    directory: PathBuf,
    provider: String,
    limit: u32,
}

impl Slots {
    /// `limit` slots of a provider in this directory, which is made when it is needed.
    pub fn new(directory: &Path, provider: &str, limit: u32) -> Self {
        Self { directory: directory.to_owned(), provider: provider.to_owned(), limit }
    }

    /// A slot, if one is free.
    pub fn attempt(&self) -> io::Result<Option<Lock>> {
        create_directories(&self.directory)?;
        for number in 1..=self.limit {
            let file = File::create(self.directory.join(format!("{}.{number}", self.provider)))?;
            if let Some(lock) = Lock::attempt(file)? {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// The next slot that is free.
    pub async fn wait(&self, timer: &dyn Timer) -> io::Result<Lock> {
        loop {
            if let Some(lock) = self.attempt()? {
                return Ok(lock);
            }
            timer.sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;

    #[test]
    fn as_many_as_the_limit_and_each_frees_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let slots = Slots::new(&dir.path().join("run/slots"), "gemini", 2);
        let [first, second] = [(); 2].map(|()| slots.attempt().expect("asks").expect("free"));
        assert!(slots.attempt().expect("asks").is_none());
        let other = Slots::new(&dir.path().join("run/slots"), "openai", 1);
        assert!(other.attempt().expect("asks").is_some());
        drop(first);
        assert!(slots.attempt().expect("asks").is_some());
        drop(second);
    }

    /// Lets the slot go when it is waited for.
    struct Letting(std::sync::Mutex<Option<Lock>>);

    impl Timer for Letting {
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            drop(self.0.lock().expect("lock").take());
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn who_waits_gets_the_next_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let slots = Slots::new(dir.path(), "gemini", 1);
        let held = slots.attempt().expect("asks");
        let timer = Letting(std::sync::Mutex::new(held));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let lock = runtime.block_on(slots.wait(&timer)).expect("waits");
        assert!(slots.attempt().expect("asks").is_none());
        drop(lock);
    }
}
