//! How the hub ends: on SIGTERM and SIGINT, in order and in time.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use async_signal::Signal;
use sd_notify::NotifyState;
use smol::stream::StreamExt;

use super::Hub;
use super::reload::Told;
use super::start::Accepting;
use crate::net::executor::Executor;

/// How long open sessions may take to end.
const SESSIONS_LIMIT: Duration = Duration::from_secs(4);
/// After so long the program ends, whatever is not done: a disk that no longer
/// answers would hold the commit under way, and with it the store's end, for
/// ever. A message whose commit did not return was never acknowledged.
const END_LIMIT: Duration = Duration::from_millis(4_800);
/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The signals that the hub knows.
pub struct Signals(async_signal::Signals);

impl Signals {
    /// From now on SIGHUP does not end the program: a reload that comes while
    /// the hub still starts (from certbot, from logrotate) must not be its end.
    pub fn catch_hangup() -> io::Result<Signals> {
        Ok(Signals(async_signal::Signals::new([Signal::Hup])?))
    }

    /// From now on the signals to stop end the hub in order. Until the hub is
    /// ready they end it at once: there is nothing to wind down.
    pub fn catch_the_end(&mut self) -> io::Result<()> {
        self.0.add_signals([Signal::Int, Signal::Term])
    }
}

/// Waits for the signal to stop; SIGHUP reloads and opens the log anew. The
/// reload has a task of its own: it may wait for the store, and the signal to
/// stop must not wait for it.
pub async fn until_told(hub: &Arc<Hub>, mut signals: Signals, executor: &Executor) {
    while let Some(signal) = signals.0.next().await {
        match signal {
            Ok(Signal::Hup) => {
                if let Err(why) = hub.logging.reopen() {
                    log::error!("the log file cannot be opened anew: {why}");
                }
                let hub = Arc::clone(hub);
                executor.spawn(async move {
                    // The outcome is in the log.
                    let _ = hub.reload(Told::ToReload).await;
                });
            }
            Ok(_) => return,
            Err(why) => log::warn!("a signal could not be read: {why}"),
        }
    }
}

/// Ends the program after [`END_LIMIT`], unless what is returned is dropped.
pub fn end_in_any_case() -> mpsc::Sender<()> {
    let (ended, end) = mpsc::channel();
    let watching = thread::Builder::new()
        .name("end".to_string())
        .spawn(move || {
            if end.recv_timeout(END_LIMIT) == Err(RecvTimeoutError::Timeout) {
                log::error!(
                    "the store does not end (does the disk still answer?): stopped without it; nothing that was \
                     acknowledged is lost"
                );
                std::process::exit(1);
            }
        });
    if let Err(why) = watching {
        log::warn!("the end is not bounded, for there is no thread to watch it: {why}");
    }
    ended
}

/// Accepts nothing more, ends the sessions and polls, waits for them.
pub fn wind_down(hub: &Hub, accepting: Accepting) {
    log::info!("stopping");
    // Where there is no systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    for task in accepting {
        // Waited for: a task that is only told to end would keep the executor,
        // and with it the store, until the process is gone.
        smol::block_on(task.cancel());
    }
    hub.office.sessions.shut_down();
    let since = Instant::now();
    while hub.office.sessions.count() > 0 && since.elapsed() < SESSIONS_LIMIT {
        thread::sleep(LOOK_EVERY);
    }
    // Behind its session each poll notes what it has removed.
    smol::block_on(hub.fetching.stop());
    let left = hub.office.sessions.count();
    if left > 0 {
        log::warn!("{left} sessions did not end in time; nothing that was acknowledged is lost");
    }
}
