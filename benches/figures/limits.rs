//! Whether the web of limits holds: what the hub uses with as many sessions and
//! messages under way as its configuration lets in, beside the memory that it
//! states for them.
//!
//! Every client is the most that it may be: each has TLS, who retrieves reads
//! nothing, who sends stops just before its content would go to a file. They
//! come from several addresses, for one may have 200 connections.

pub mod clients;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use self::clients::Client;
use crate::office::{Hub, Office};
use crate::table::Table;
use crate::{Outcome, Plan};

/// The hub gives memory back when log-ins have stopped for some seconds.
const REST: Duration = Duration::from_secs(10);
/// For the hub to take in what was sent.
const SETTLE: Duration = Duration::from_millis(500);
const MEGA: f64 = 1_000_000.0;
const BUSY: &str = "busy";
const IDLE: usize = 1_000;
const RETRIEVING: usize = 100;
const SENDING: usize = 100;
const LARGE: usize = 20;
/// Those who do more come from addresses behind those of the idle ones.
const AFTER_IDLE: usize = IDLE;
/// Content that stays in memory as it arrives: a little less than goes to a file.
const HELD_OCTETS: usize = 130_000;
/// Of each message that is retrieved: more than the buffers of a connection take.
const RETRIEVED_OCTETS: usize = 8_000_000;
const LARGE_OCTETS: usize = 50_000_000;

/// `[limits]` as an administrator would write it.
struct Budget {
    name: &'static str,
    memory_octets: f64,
    settings: &'static str,
}

const BUDGETS: [Budget; 2] = [
    Budget {
        name: "as it is: memory 64 MB, 1000 connections",
        memory_octets: 64.0 * MEGA,
        settings: "",
    },
    // 1,221 sessions of 40 KiB are five eighths of 81 MB, and 220 messages of
    // 192 KiB three eighths of 116 MB.
    Budget {
        name: "memory 120 MB, 1500 connections",
        memory_octets: 120.0 * MEGA,
        settings: "[limits]\nmemory = \"120 MB\"\nconnections = 1500\n",
    },
];

/// What comes at once.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    idle: usize,
    retrieving: usize,
    sending: usize,
    large: usize,
}

const NOTHING: Load = Load {
    name: "",
    idle: 0,
    retrieving: 0,
    sending: 0,
    large: 0,
};

const LOADS: [Load; 5] = [
    Load {
        name: "1,000 idle TLS sessions",
        idle: IDLE,
        ..NOTHING
    },
    Load {
        name: "100 that retrieve",
        retrieving: RETRIEVING,
        ..NOTHING
    },
    Load {
        name: "100 that send",
        sending: SENDING,
        ..NOTHING
    },
    Load {
        name: "20 messages of 50 MB",
        large: LARGE,
        ..NOTHING
    },
    Load {
        name: "all of them together",
        idle: IDLE,
        retrieving: RETRIEVING,
        sending: SENDING,
        large: LARGE,
    },
];

/// Who came and what the hub held then.
struct Found {
    served: usize,
    turned_away: usize,
    rest: f64,
    pss: f64,
    peak: f64,
}

/// Each load on a hub of its own.
pub fn measure(folder: &Path, _plan: &Plan, table: &mut Table) -> Outcome<()> {
    let office = Office::make_for(folder, &[(BUSY, RETRIEVING)])?;
    fill(&office)?;
    for budget in &BUDGETS {
        table.part(&format!("the web of limits, {}", budget.name));
        office.set_beside(budget.settings)?;
        for load in &LOADS {
            crate::say(&format!("{}: {}", budget.name, load.name));
            let found = bear(&office, load)?;
            report(budget, load, &found, table);
        }
    }
    Ok(())
}

/// A message for everybody who retrieves.
fn fill(office: &Office) -> Outcome<()> {
    let hub = office.start()?;
    let names: Vec<String> = (1..=RETRIEVING).map(|it| format!("{BUSY}{it}")).collect();
    let mut sender = Client::connect(hub.address("smtps")?, 0)?;
    sender.begin_message(&names)?;
    sender.send_content(RETRIEVED_OCTETS)?;
    sender.end_message()?;
    drop(sender);
    hub.wait_for_rest()?;
    hub.stop()
}

fn bear(office: &Office, load: &Load) -> Outcome<Found> {
    let hub = office.start()?;
    let (smtps, pop3s) = (hub.address("smtps")?, hub.address("pop3s")?);
    warm(&hub, smtps, pop3s)?;
    let rest = hub.process().memory()?.pss;
    // Those who log in come first, so that the memory of their log-ins is given
    // back before the peak is looked for.
    let retrieving = many(load.retrieving, |number| {
        Client::log_in(pop3s, AFTER_IDLE + number, &format!("{BUSY}{}", number + 1))
    });
    if load.retrieving > 0 {
        thread::sleep(REST);
    }
    hub.process().forget_peak()?;
    let mut kept = many(load.idle, |number| {
        Client::connect(if number % 2 == 0 { pop3s } else { smtps }, number)
    });
    kept.extend(many(load.sending, |number| {
        let mut client = Client::connect(smtps, AFTER_IDLE + number)?;
        client.begin_message(&[format!("{BUSY}1")])?;
        client.send_content(HELD_OCTETS)?;
        Ok(client)
    }));
    let retrieving = Mutex::new(retrieving);
    kept.extend(many(load.retrieving, |_| {
        let client = retrieving.lock().map_err(|_| "poisoned")?.pop();
        let mut client = client.ok_or("turned away before")??;
        client.begin_to_retrieve()?;
        Ok(client)
    }));
    let large = many(load.large, |number| {
        send_large(smtps, AFTER_IDLE + SENDING + number)
    });
    thread::sleep(SETTLE);
    let found = Found {
        served: served(&kept) + served(&large),
        turned_away: turned_away(&kept) + turned_away(&large),
        rest,
        pss: hub.process().memory()?.pss,
        peak: hub.process().peak()?,
    };
    drop((kept, large));
    hub.wait_for_rest()?;
    hub.stop()?;
    Ok(found)
}

fn send_large(smtps: SocketAddr, number: usize) -> Outcome<()> {
    let mut client = Client::connect(smtps, number)?;
    client.begin_message(&[format!("{BUSY}1")])?;
    client.send_content(LARGE_OCTETS)?;
    client.end_message()
}

/// Whatever the hub makes once it has made by then.
fn warm(hub: &Hub, smtps: SocketAddr, pop3s: SocketAddr) -> Outcome<()> {
    Client::log_in(pop3s, 0, &format!("{BUSY}1"))?.begin_to_retrieve()?;
    let mut sender = Client::connect(smtps, 0)?;
    sender.begin_message(&[format!("{BUSY}1")])?;
    sender.send_content(HELD_OCTETS)?;
    sender.end_message()?;
    drop(sender);
    hub.wait_for_rest()?;
    thread::sleep(REST);
    Ok(())
}

/// Twenty at a time.
pub fn many<T: Send>(count: usize, one: impl Fn(usize) -> Outcome<T> + Sync) -> Vec<Outcome<T>> {
    let next = Mutex::new(0..count);
    let all = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..LARGE.min(count) {
            scope.spawn(|| {
                while let Some(number) = next.lock().ok().and_then(|mut next| next.next()) {
                    let came = one(number);
                    if let Ok(mut all) = all.lock() {
                        all.push(came);
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

fn served<T>(all: &[Outcome<T>]) -> usize {
    all.iter().filter(|one| one.is_ok()).count()
}

fn turned_away<T>(all: &[Outcome<T>]) -> usize {
    all.len() - served(all)
}

fn report(budget: &Budget, load: &Load, found: &Found, table: &mut Table) {
    let beside = format!(
        "{} served, {} turned away; at rest {:.1} MB; more than that: {:.1} MB of {:.0}",
        found.served,
        found.turned_away,
        found.rest / MEGA,
        (found.pss - found.rest) / MEGA,
        budget.memory_octets / MEGA,
    );
    table.figure(load.name, "MB (PSS)", &[found.pss / MEGA], &beside);
    let beside = format!(
        "more than at rest: {:.1} MB",
        (found.peak - found.rest) / MEGA
    );
    table.figure("… peak", "MB (RSS)", &[found.peak / MEGA], &beside);
}
