//! What the hub does by itself: the sweep, the summary of unclaimed mail, the
//! certificate, the watchdog.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sd_notify::NotifyState;
use smol::Timer;

use super::settings::tls_folder;
use super::{Hub, summary};
use crate::config::Configuration;
use crate::journal;
use crate::net::tls::{CaError, OfficeCa};
use crate::store::{Moment, SpaceState};

/// How often the room on the disk is measured; while it is short, also how often
/// the store is swept.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Of so many looks, one sweeps in any case: each sweep notes the time in the
/// database, and an SD card counts its writes.
const LOOKS_TO_A_SWEEP: u32 = 10;
/// How often the certificate is looked at; also the life of a ticket key.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(12 * 60 * 60);

/// Looks after store and certificate, until the hub stops.
pub async fn run(hub: Arc<Hub>) {
    let sweeping = async {
        let mut was_short = false;
        let mut said = summary::Said::default();
        for look in (0..LOOKS_TO_A_SWEEP).cycle() {
            if look == 0 || is_short(&hub) != Some(false) {
                sweep(&hub).await;
            }
            was_short = tell_of_room(was_short, is_short(&hub));
            if look == 0 {
                summary::tell(&hub, &mut said).await;
            }
            Timer::after(LOOK_EVERY).await;
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

async fn sweep(hub: &Hub) {
    match hub.office.store.sweep(Moment::now()).await {
        Ok(report) => report.messages.into_iter().for_each(journal::swept),
        Err(why) => journal::store_failed("sweeping", &why),
    }
}

/// Whether the disk has less room than `keep_free`; `None` if it does not say.
fn is_short(hub: &Hub) -> Option<bool> {
    match hub.office.store.space() {
        Ok(space) => Some(space.state == SpaceState::Short),
        Err(why) => {
            journal::store_failed("measuring the disk", &why);
            None
        }
    }
}

/// Logs each change once. Returns how it is now.
fn tell_of_room(was_short: bool, is_short: Option<bool>) -> bool {
    let is_short = is_short.unwrap_or(was_short);
    match (was_short, is_short) {
        (false, true) => log::error!(
            "the disk has less room than keep_free: new mail is refused for now (452) until there is more"
        ),
        (true, false) => log::info!("the disk has room again: mail is taken in"),
        _ => {}
    }
    is_short
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
