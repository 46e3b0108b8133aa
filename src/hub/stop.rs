//! How the hub ends: on SIGTERM and SIGINT, in order and in time.

use std::io;
use std::time::{Duration, Instant};

use async_signal::Signal;
use sd_notify::NotifyState;
use smol::stream::StreamExt;

use super::Hub;
use super::start::Accepting;

/// How long open sessions may take to end.
const SESSIONS_LIMIT: Duration = Duration::from_secs(4);
/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The signals that the hub knows.
pub struct Signals(async_signal::Signals);

impl Signals {
    /// From now on these signals do not end the program.
    pub fn catch() -> io::Result<Signals> {
        let known = [Signal::Hup, Signal::Int, Signal::Term];
        Ok(Signals(async_signal::Signals::new(known)?))
    }
}

/// Waits for the signal to stop; SIGHUP reloads and opens the log anew.
pub async fn until_told(hub: &Hub, mut signals: Signals) {
    while let Some(signal) = signals.0.next().await {
        match signal {
            Ok(Signal::Hup) => {
                if let Err(why) = hub.logging.reopen() {
                    log::error!("the log file cannot be opened anew: {why}");
                }
                // The outcome is in the log.
                let _ = hub.reload().await;
            }
            Ok(_) => return,
            Err(why) => log::warn!("a signal could not be read: {why}"),
        }
    }
}

/// Accepts nothing more, ends the sessions, waits for them.
pub fn wind_down(hub: &Hub, accepting: Accepting) {
    log::info!("stopping");
    // Where there is no systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    drop(accepting);
    hub.office.sessions.shut_down();
    let since = Instant::now();
    while hub.office.sessions.count() > 0 && since.elapsed() < SESSIONS_LIMIT {
        std::thread::sleep(LOOK_EVERY);
    }
    let left = hub.office.sessions.count();
    if left > 0 {
        log::warn!("{left} sessions did not end in time; nothing that was acknowledged is lost");
    }
}
