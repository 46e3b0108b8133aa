//! Polls without a hub, on a store that its command has opened.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use super::chosen;
use super::words::outcome;
use crate::config::{Configuration, ConfigurationError};
use crate::control::FetchedAccount;
use crate::hub::reload::reconcile;
use crate::net::current::Current;
use crate::net::executor::Executor;
use crate::net::fetcher::{self, Provider, Surroundings};
use crate::net::message_memory::MessageMemory;
use crate::net::sessions::Sessions;
use crate::route::Directory;
use crate::store::{Store, StoreError};

/// Why nothing was fetched.
#[derive(Debug, Error)]
pub enum AloneError {
    /// There is no such account.
    #[error("{0}")]
    NoAccount(String),
    /// directory.toml is not good.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The store could not be told who is in the directory.
    #[error("the store could not be told of the directory: {0}")]
    Store(#[from] StoreError),
    /// The system gives no threads.
    #[error("cannot start a thread: {0}")]
    Threads(#[from] io::Error),
}

/// Polls one account, or all of them at once.
///
/// # Errors
/// What kept it from beginning; a poll that fails is an answer.
pub fn fetch_alone(
    configuration: &Configuration,
    store: Store,
    account: Option<&str>,
) -> Result<Vec<FetchedAccount>, AloneError> {
    let providers = chosen(&configuration.providers, account).map_err(AloneError::NoAccount)?;
    let directory = configuration.load_directory()?;
    let executor = Executor::start()?;
    let directory = smol::block_on(reconcile(&store, directory))?;
    let alone = Arc::new(Alone {
        store,
        directory: Current::new(directory),
        sessions: Sessions::default(),
        memory: MessageMemory::new(&configuration.limits),
    });
    let polls: Vec<_> = providers
        .into_iter()
        .map(|provider| {
            let tasks = executor.tasks();
            let poll = poll(Arc::clone(&alone), provider.clone(), Arc::clone(&tasks));
            tasks.spawn(poll)
        })
        .collect();
    let fetched = polls.into_iter().map(smol::block_on).collect();
    Ok(fetched)
}

/// What a hub has for a poll.
struct Alone {
    store: Store,
    directory: Current<Directory>,
    sessions: Sessions,
    memory: MessageMemory,
}

async fn poll(
    alone: Arc<Alone>,
    provider: Provider,
    tasks: Arc<smol::Executor<'static>>,
) -> FetchedAccount {
    let began = Instant::now();
    let around = Surroundings {
        store: &alone.store,
        directory: &alone.directory,
        sessions: &alone.sessions,
        memory: &alone.memory,
        tasks: &tasks,
    };
    let poll = fetcher::poll(&provider, around).await;
    outcome(&provider, &poll, began.elapsed())
}
