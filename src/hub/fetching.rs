//! The accounts at providers: a task for each, which polls it when it is due or
//! when somebody asks.
//!
//! ```text
//!   start, reload ──▶ apply ──▶ account ──┬── Timetable: when ──▶ poll ──▶ log, status, Health
//!   `fetch` ──▶ fetch_now ──▶─────────────┘
//! ```
//! An account has one poll at a time, because one task makes them all. A reload
//! leaves accounts alone whose settings are the same; one that is changed or gone
//! ends at once, in the midst of a poll if need be: what is committed stays, and
//! what was not removed yet the next poll finds.

mod account;
mod alone;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

use smol::Executor;
use smol::channel::{self, Sender};
use smol::{Task, lock};

use crate::control::{Answer, FetchedAccount, ProviderState};
use crate::fetch::Error;
use crate::net::fetcher::{self, Health, Poll, PollError, Provider, Report, Surroundings};
use crate::net::office::Office;

pub use alone::{AloneError, fetch_alone};

/// Makes one poll.
type Poller =
    Arc<dyn Fn(Arc<Provider>) -> Pin<Box<dyn Future<Output = Poll> + Send>> + Send + Sync>;

/// Somebody who waits for what a poll came to.
type Asker = Sender<FetchedAccount>;

/// All accounts.
pub struct Fetching {
    poller: Poller,
    /// Weak: tasks of it hold the hub, and it would hold them for ever.
    tasks: Weak<Executor<'static>>,
    /// None: the hub stops.
    accounts: lock::Mutex<Option<Vec<Account>>>,
}

/// An account and its task.
struct Account {
    provider: Arc<Provider>,
    askers: Sender<Asker>,
    known: Arc<Mutex<Known>>,
    task: Task<()>,
}

/// What is known of an account. It outlives a change of its settings: whatever is
/// mended by that is to be told as over.
struct Known {
    state: ProviderState,
    health: Health,
}

impl Fetching {
    /// No account yet.
    pub fn new(office: Arc<Office>, tasks: &Arc<Executor<'static>>) -> Fetching {
        let tasks = Arc::downgrade(tasks);
        Fetching {
            poller: poller(office, tasks.clone()),
            tasks,
            accounts: lock::Mutex::new(Some(Vec::new())),
        }
    }

    /// From now on these are the accounts.
    pub async fn apply(&self, providers: &[Provider]) {
        let mut accounts = self.accounts.lock().await;
        let (Some(accounts), Some(tasks)) = (accounts.as_mut(), self.tasks.upgrade()) else {
            return;
        };
        let (same, others): (Vec<Account>, Vec<Account>) = std::mem::take(accounts)
            .into_iter()
            .partition(|account| providers.contains(&account.provider));
        *accounts = same;
        let known: Vec<_> = others
            .iter()
            .map(|account| Arc::clone(&account.known))
            .collect();
        // All of them are over before the first new one begins, or two polls of
        // one mailbox might meet.
        end(others).await;
        for provider in providers {
            if !accounts.iter().any(|known| *known.provider == *provider) {
                let mut known = known.iter();
                let known = known.find(|known| look(known).state.name == provider.name);
                accounts.push(self.begin(provider, known.cloned(), &tasks));
            }
        }
        // As postroom.toml has them.
        accounts.sort_by_key(|account| {
            let mut names = providers.iter();
            names.position(|provider| provider.name == account.provider.name)
        });
    }

    fn begin(
        &self,
        provider: &Provider,
        known: Option<Arc<Mutex<Known>>>,
        tasks: &Arc<Executor<'static>>,
    ) -> Account {
        let provider = Arc::new(provider.clone());
        let (askers, asked) = channel::unbounded();
        let known = known.unwrap_or_else(|| Arc::new(Mutex::new(Known::begin(&provider))));
        {
            let mut known = look(&known);
            known.health.reschedule(&provider.schedule);
            known.state.host = provider.host.clone();
            known.state.polling = false;
        }
        let running = account::run(
            Arc::clone(&provider),
            Arc::clone(&self.poller),
            asked,
            Arc::clone(&known),
        );
        Account {
            provider,
            askers,
            known,
            task: tasks.spawn(running),
        }
    }

    /// Polls one account, or all of them, now; a poll that runs already is waited
    /// for first, since what has come meanwhile is not in its listing.
    pub async fn fetch_now(&self, account: Option<&str>) -> Answer {
        let accounts = self.accounts.lock().await;
        let known = accounts.as_deref().unwrap_or_default();
        let providers = known.iter().map(|known| known.provider.as_ref());
        let chosen = match chosen(providers, account) {
            Ok(chosen) => chosen,
            Err(why) => {
                let why = format!(
                    "{why}, as the running hub knows it; where the file has more, postroom check says why it was not \
                     taken"
                );
                return Answer::Failed { why };
            }
        };
        let mut asked = Vec::new();
        for known in known {
            if chosen.contains(&known.provider.as_ref()) {
                let (asker, answer) = channel::bounded(1);
                // Fails when the account is over; then there is no answer either.
                let _ = known.askers.send(asker).await;
                asked.push((known.provider.name.clone(), answer));
            }
        }
        // A reload must not wait for a long poll.
        drop(accounts);
        let mut answers = Vec::new();
        for (name, answer) in asked {
            answers.push(answer.recv().await.unwrap_or_else(|_| FetchedAccount {
                account: name,
                text: "the poll was stopped, because the hub stops or the account was changed; ask again"
                    .to_string(),
                ..FetchedAccount::default()
            }));
        }
        Answer::Fetched { accounts: answers }
    }

    /// How the accounts are.
    pub async fn states(&self) -> Vec<ProviderState> {
        let accounts = self.accounts.lock().await;
        let accounts = accounts.iter().flatten();
        accounts
            .map(|account| look(&account.known).state.clone())
            .collect()
    }

    /// Ends all accounts, for good.
    pub async fn stop(&self) {
        let accounts = self.accounts.lock().await.take();
        end(accounts.unwrap_or_default()).await;
    }
}

async fn end(accounts: Vec<Account>) {
    for account in accounts {
        account.task.cancel().await;
    }
}

/// The accounts that a command names: one, or all of them.
///
/// # Errors
/// In words, why there is nothing to fetch.
pub fn chosen<'a>(
    providers: impl IntoIterator<Item = &'a Provider>,
    account: Option<&str>,
) -> Result<Vec<&'a Provider>, String> {
    let all: Vec<&Provider> = providers.into_iter().collect();
    if all.is_empty() {
        return Err(
            "postroom.toml has no [[provider]], so that there is nothing to fetch".to_string(),
        );
    }
    let Some(account) = account else {
        return Ok(all);
    };
    match all.iter().find(|known| known.name == account) {
        Some(known) => Ok(vec![known]),
        None => {
            let names: Vec<&str> = all.iter().map(|known| known.name.as_str()).collect();
            let names = names.join(", ");
            Err(format!(
                "postroom.toml has no [[provider]] of the name {account}; there is {names}"
            ))
        }
    }
}

/// Polls with what the hub works with.
fn poller(office: Arc<Office>, tasks: Weak<Executor<'static>>) -> Poller {
    Arc::new(move |provider| {
        let (office, tasks) = (Arc::clone(&office), tasks.clone());
        Box::pin(async move {
            let Some(tasks) = tasks.upgrade() else {
                return stopped();
            };
            let around = Surroundings {
                store: &office.store,
                directory: &office.directory,
                sessions: &office.sessions,
                memory: &office.memory,
                tasks: &tasks,
            };
            fetcher::poll(&provider, around).await
        })
    })
}

fn stopped() -> Poll {
    Poll {
        report: Report::default(),
        outcome: Err(PollError::Interrupted),
    }
}

/// A poll that ended in a panic, which the log has: the account goes on.
fn broken() -> Poll {
    Poll {
        report: Report::default(),
        outcome: Err(Error::Misdriven.into()),
    }
}

impl Known {
    fn begin(provider: &Provider) -> Known {
        Known {
            state: ProviderState {
                name: provider.name.clone(),
                ..ProviderState::default()
            },
            health: Health::begin(&provider.schedule, Instant::now()),
        }
    }
}

/// Also after a panic of whoever held it: nothing is left half done in there.
fn look(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests;
