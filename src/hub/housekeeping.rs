//! What the hub does by itself: the sweep, the summary of unclaimed mail, the
//! certificate, the watchdog.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sd_notify::NotifyState;
use smol::Timer;

use super::settings::tls_folder;
use super::{Hub, summary};
use crate::config::Configuration;
use crate::journal;
use crate::net::executor::Turns;
use crate::net::networks::own_addresses;
use crate::net::tls::{CaError, OfficeCa, ServerTls, SubjectName, Validity, names_now};
use crate::net::troubles::MEASURING;
use crate::store::{Moment, SpaceState};

/// How often the room on the disk is measured: soon after somebody has made some,
/// mail is to come in again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the store is swept while the disk is short.
const SWEEP_WHEN_SHORT: Duration = Duration::from_secs(60);
/// How often it is swept in any case: each sweep notes the time in the database,
/// and an SD card counts its writes.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// How often the certificate is looked at; also the life of a ticket key.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(12 * 60 * 60);

/// What the store does here, in words for the log.
const SWEEPING: &str = "sweeping";

/// Looks after store and certificate, until the hub stops.
pub fn run(hub: Arc<Hub>) -> impl Future<Output = ()> {
    // What is wrong with it so far was told where the files were read.
    let told = validity(&hub);
    async move { smol::future::or(look_after_store(&hub), look_after_certificate(&hub, told)).await }
}

async fn look_after_store(hub: &Hub) {
    let mut was_short = false;
    let mut said = summary::Said::default();
    let mut swept: Option<Instant> = None;
    loop {
        let is_short = is_short(hub).await.unwrap_or(was_short);
        tell_of_room(was_short, is_short);
        let became_short = is_short && !was_short;
        was_short = is_short;
        let pause = match is_short {
            true => SWEEP_WHEN_SHORT,
            false => SWEEP_EVERY,
        };
        if became_short || swept.is_none_or(|at| at.elapsed() >= pause) {
            sweep(hub).await;
            summary::tell(hub, &mut said).await;
            swept = Some(Instant::now());
        }
        Timer::after(LOOK_EVERY).await;
    }
}

async fn look_after_certificate(hub: &Hub, mut told: Option<Validity>) {
    let mut looked: Option<Instant> = None;
    let mut hostname = String::new();
    loop {
        let is_renamed = hub.office.settings.now().hostname != hostname;
        let is_time = looked.is_none_or(|at| at.elapsed() >= CERTIFICATE_EVERY);
        if validity(hub) != told || is_renamed || is_time {
            hostname.clone_from(&hub.office.settings.now().hostname);
            look_at_certificate(hub).await;
            let now = validity(hub);
            if now != told {
                tell_of_certificate(hub);
            }
            (told, looked) = (now, Some(Instant::now()));
        }
        Timer::after(LOOK_EVERY).await;
    }
}

async fn sweep(hub: &Hub) {
    match hub.office.store.sweep(Moment::now()).await {
        Ok(report) => {
            hub.office.troubles.succeeded(SWEEPING);
            let mut turns = Turns::default();
            for id in report.messages {
                journal::swept(id);
                turns.next().await;
            }
        }
        Err(why) => hub.office.troubles.failed(SWEEPING, &why),
    }
}

/// Whether the disk has less room than `keep_free`; `None` if it does not say.
async fn is_short(hub: &Hub) -> Option<bool> {
    let store = hub.office.store.clone();
    let space = match store.is_held_up() {
        true => smol::unblock(move || store.look_for_room()).await,
        false => store.space(),
    };
    match space {
        Ok(space) => {
            hub.office.troubles.succeeded(MEASURING);
            Some(space.state == SpaceState::Short)
        }
        Err(why) => {
            hub.office.troubles.failed(MEASURING, &why);
            None
        }
    }
}

/// Logs each change once.
fn tell_of_room(was_short: bool, is_short: bool) {
    match (was_short, is_short) {
        (false, true) => log::error!(
            "the disk has less room than keep_free: new mail is refused for now (452) until there is more"
        ),
        (true, false) => log::info!("the disk has room again: mail is taken in"),
        _ => {}
    }
}

/// Whether PCs take the certificate now: its end comes, and clocks are set.
fn validity(hub: &Hub) -> Option<Validity> {
    let settings = hub.office.settings.now();
    let tls = settings.tls.as_ref()?;
    Some(tls.certificate().validity(SystemTime::now()))
}

fn tell_of_certificate(hub: &Hub) {
    let settings = hub.office.settings.now();
    let name = SubjectName::Dns(settings.hostname.clone());
    let tls = settings.tls.iter();
    for warning in tls.flat_map(|tls| tls.warnings(&name, SystemTime::now())) {
        log::warn!("{warning}");
    }
}

/// Renews a certificate of the office's own CA in time, and when the hub has
/// another name or address, and loads whatever is
/// there anew, which also changes the key of the session tickets.
async fn look_at_certificate(hub: &Hub) {
    let settings = hub.office.settings.now();
    let Some(tls) = settings.tls.clone() else {
        return;
    };
    let path = hub.path.clone();
    let outcome = smol::unblock(move || {
        let configuration = Configuration::load(&path).ok();
        let renewed = configuration.map_or(Ok(false), |found| renew(&found, &tls));
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

fn renew(configuration: &Configuration, tls: &ServerTls) -> Result<bool, CaError> {
    let Some(ca) = tls_folder(configuration).map_or(Ok(None), OfficeCa::load)? else {
        return Ok(false);
    };
    let current = tls.certificate();
    let names = names_now(
        &current.names(),
        &configuration.host_names(),
        &own_addresses(),
    );
    Ok(ca
        .renew_if_due(&current, names, SystemTime::now())?
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
