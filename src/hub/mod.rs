//! The running hub: opens, connects, starts, and looks after itself.
//!
//! ```text
//!   start ──▶ ready ──┬── a file changed, SIGHUP, `reload` ──▶ reload
//!                     ├── every minute ──▶ housekeeping
//!                     ├── when it is due, `fetch` ──▶ fetching: the accounts at providers
//!                     ├── the control socket ──▶ answers
//!                     └── SIGTERM, SIGINT ──▶ stop: no new sessions, the running
//!                         commits finish, out within 5 s
//! ```
//! The hub reads configuration and never writes it. The one file that it does
//! write beside its data is the server certificate that its own office CA
//! issued, in time before that expires.

mod answers;
mod cut_off;
mod fetching;
mod housekeeping;
mod metrics;
mod summary;
mod reload;
mod settings;
mod start;
mod stop;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::control::ListenerState;
use crate::logging::Logging;
use crate::net::executor::{Executor, look_for_threads};
use crate::net::office::Office;
use fetching::Fetching;

pub use fetching::{AloneError, chosen, fetch_alone};
pub use reload::{fingerprint, fingerprints};
pub use settings::{listens, store_settings, tls_folder};
pub use start::StartError;

/// A hub with everything that it needs at hand.
struct Hub {
    /// postroom.toml, read anew at each reload.
    path: PathBuf,
    office: Arc<Office>,
    listeners: Vec<ListenerState>,
    logging: Logging,
    started: SystemTime,
    /// What the last good files said; held while a reload is under way.
    loaded: smol::lock::Mutex<reload::Loaded>,
    fetching: Fetching,
}

/// Runs a hub until a signal ends it.
///
/// # Errors
/// It could not start; each error is one clear line.
pub fn run(config: &Path) -> Result<(), StartError> {
    look_for_threads().map_err(StartError::Threads)?;
    let executor = Executor::start().map_err(StartError::Threads)?;
    let started = Instant::now();
    let followed = reload::Followed::begin(config);
    let mut signals = stop::Signals::catch_hangup().map_err(StartError::Signals)?;
    let (hub, sources) = start::open(config, &executor)?;
    let hub = Arc::new(hub);
    signals.catch_the_end().map_err(StartError::Signals)?;
    let accepting = start::accept(&hub, sources, &executor)?;
    executor.spawn(reload::follow_changes(Arc::clone(&hub), followed));
    executor.spawn(housekeeping::run(Arc::clone(&hub)));
    executor.spawn(housekeeping::feed_watchdog());
    start::announce(&hub, started.elapsed());
    smol::block_on(stop::until_told(&hub, signals, &executor));
    let ended = stop::end_in_any_case();
    stop::wind_down(&hub, accepting);
    drop(executor);
    // With the last of the hub goes the store, which finishes what it commits.
    drop(hub);
    drop(ended);
    log::info!("stopped");
    Ok(())
}
