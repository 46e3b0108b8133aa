//! What the hub does by itself: the sweep, the certificate, the watchdog.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sd_notify::NotifyState;
use smol::Timer;

use super::Hub;
use super::settings::tls_folder;
use crate::config::Configuration;
use crate::journal;
use crate::net::tls::{CaError, OfficeCa};
use crate::store::{Moment, SpaceState};

/// How often the store is swept and its room measured. Each sweep notes the time
/// in the database, and an SD card counts its writes.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// … and while the disk is short of room.
const SWEEP_EVERY_SHORT: Duration = Duration::from_secs(60);
/// How often the certificate is looked at; also the life of a ticket key.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(12 * 60 * 60);

/// Looks after store and certificate, until the hub stops.
pub async fn run(hub: Arc<Hub>) {
    let sweeping = async {
        let mut was_short = false;
        loop {
            was_short = sweep(&hub, was_short).await;
            let pause = if was_short {
                SWEEP_EVERY_SHORT
            } else {
                SWEEP_EVERY
            };
            Timer::after(pause).await;
        }
    };
    let renewing = async {
        loop {
            look_at_certificate(&hub).await;
            Timer::after(CERTIFICATE_EVERY).await;
        }
    };
    smol::future::or(sweeping, renewing).await
}

/// One sweep. Returns whether the disk is short of room; the change of that is
/// logged once.
async fn sweep(hub: &Hub, was_short: bool) -> bool {
    match hub.office.store.sweep(Moment::now()).await {
        Ok(report) => report.messages.into_iter().for_each(journal::swept),
        Err(why) => journal::store_failed("sweeping", &why),
    }
    let short = match hub.office.store.space() {
        Ok(space) => space.state == SpaceState::Short,
        Err(why) => {
            journal::store_failed("measuring the disk", &why);
            return was_short;
        }
    };
    match (was_short, short) {
        (false, true) => log::error!(
            "the disk has less room than keep_free: new mail is refused for now (452) until there is more"
        ),
        (true, false) => log::info!("the disk has room again: mail is taken in"),
        _ => {}
    }
    short
}

/// Renews a certificate of the office's own CA in time, and loads whatever is
/// there anew, which also changes the key of the session tickets.
async fn look_at_certificate(hub: &Hub) {
    let settings = hub.office.settings.now();
    let Some(tls) = settings.tls.clone() else {
        return;
    };
    let path = hub.path.clone();
    let outcome = smol::unblock(move || {
        let folder = Configuration::load(&path)
            .ok()
            .as_ref()
            .and_then(tls_folder)
            .map(PathBuf::from);
        let renewed = folder.map_or(Ok(false), |folder| renew(&folder, &tls));
        (renewed, tls.reload())
    })
    .await;
    match outcome.0 {
        Ok(true) => log::info!("the server certificate is renewed by the office's CA"),
        Ok(false) => {}
        Err(why) => log::error!("the server certificate could not be renewed: {why}"),
    }
    if let Err(why) = outcome.1 {
        journal::reload_refused(&why);
    }
}

fn renew(folder: &std::path::Path, tls: &crate::net::tls::ServerTls) -> Result<bool, CaError> {
    let Some(ca) = OfficeCa::load(folder)? else {
        return Ok(false);
    };
    Ok(ca
        .renew_if_due(&tls.certificate(), SystemTime::now())?
        .is_some())
}

/// Tells systemd that the hub is alive, as often as it wants to know. The task
/// runs where sessions run: if those are stuck, so is this.
pub async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    loop {
        if let Err(why) = sd_notify::notify(&[NotifyState::Watchdog]) {
            log::warn!("systemd's watchdog cannot be told: {why}");
        }
        Timer::after(limit / 2).await;
    }
}
