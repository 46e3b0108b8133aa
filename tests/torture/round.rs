//! One round: a start, the account of what was before, work, and a kill.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::found::Depth;
use crate::hub::run as run_command;
use crate::ledger::Counts;
use crate::office::{Running, Started, Tortured, USERS};
use crate::orders;
use crate::pcs;
use crate::points::{Crowd, Point, When};
use crate::random::Random;
use crate::senders;

/// How long a call that is to kill is waited for.
const CALL_LIMIT: Duration = Duration::from_secs(6);
/// The same at a start, behind which nothing comes.
const START_LIMIT: Duration = Duration::from_millis(400);
/// A hub that is told to stop ends within this.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// A random instant is within this.
const INSTANT_MILLIS: u64 = 200;
/// What is to be done before it is waited for so long.
const DOING_LIMIT: Duration = Duration::from_secs(4);

/// What those at work need to know.
pub struct Work {
    pub smtp: SocketAddr,
    pub pop3: SocketAddr,
    pub sends_large: bool,
    pub provides_too_large: bool,
    pub floods: bool,
    over: AtomicBool,
}

impl Work {
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Whether the kill was where it was meant to be.
///
/// # Errors
/// What the hub did that it must not.
pub fn run(office: &Tortured, point: &Point, random: &mut Random) -> Result<bool, String> {
    match point.when {
        When::Start => at_start(office, point, random),
        When::Command => at_command(office, point, random),
        When::Stop => {
            let hub = restart(office)?;
            let limit = Duration::from_millis(random.below(INSTANT_MILLIS));
            let ended = beside(office, hub, Crowd::Everybody, random, |hub, random| {
                thread::sleep(limit);
                order(office, point, random);
                hub.terminate();
                hub.wait(STOP_LIMIT)
            })?;
            Ok(was_killed(ended))
        }
        When::Work(crowd) => {
            let hub = restart(office)?;
            let ended = beside(office, hub, crowd, random, |hub, random| match point.call {
                Some(_) => {
                    order(office, point, random);
                    hub.wait(CALL_LIMIT)
                }
                None => instant(office, crowd, hub, random),
            })?;
            Ok(was_killed(ended) || point.call.is_none())
        }
    }
}

/// Waits for a random instant: by the clock, or when so much has been done.
fn instant(
    office: &Tortured,
    crowd: Crowd,
    hub: &mut Running,
    random: &mut Random,
) -> Option<ExitStatus> {
    if crowd == Crowd::Pcs || random.percent(50) {
        let done = || {
            let ledger = office.ledger();
            let Counts {
                acknowledged,
                collected,
                ..
            } = ledger.counts;
            if crowd == Crowd::Pcs {
                collected
            } else {
                acknowledged + collected
            }
        };
        let goal = done() + 1 + random.below(20) as usize;
        let since = Instant::now();
        while done() < goal && since.elapsed() < DOING_LIMIT {
            thread::sleep(Duration::from_millis(1));
        }
    }
    hub.wait(Duration::from_millis(random.below(INSTANT_MILLIS)))
}

/// A start without a kill, and the account.
pub fn restart(office: &Tortured) -> Result<Running, String> {
    office.interposed.lift();
    match office.start()? {
        Started::Ready(hub) => {
            office.settle(Depth::New, false);
            Ok(hub)
        }
        Started::Killed => Err("killed by nobody".to_string()),
    }
}

/// Fetches what is still at the providers, and looks at every octet again.
pub fn finish(office: &Tortured) -> Result<(), String> {
    let mut hub = restart(office)?;
    for _ in 0..2 {
        orders::fetch_all(office)?;
    }
    office.settle(Depth::All, true);
    hub.terminate();
    match hub.wait(STOP_LIMIT) {
        Some(ended) if ended.success() => check_log(&hub),
        ended => Err(format!("told to stop it ends so: {ended:?}\n{}", hub.log())),
    }
}

fn order(office: &Tortured, point: &Point, random: &mut Random) {
    if let Some(call) = point.call {
        office.interposed.order(&[call.rule(random)]);
    }
}

/// SIGKILL that was not ours: at its end we wait for it no more.
fn was_killed(ended: Option<ExitStatus>) -> bool {
    ended.is_some_and(|ended| ended.signal() == Some(9))
}

fn at_start(office: &Tortured, point: &Point, random: &mut Random) -> Result<bool, String> {
    office.interposed.lift();
    order(office, point, random);
    match office.start()? {
        Started::Killed => Ok(true),
        Started::Ready(mut hub) => {
            // It sweeps now.
            let ended = hub.wait(START_LIMIT);
            check_log(&hub)?;
            Ok(was_killed(ended))
        }
    }
}

fn at_command(office: &Tortured, point: &Point, random: &mut Random) -> Result<bool, String> {
    let Some(command) = orders::choose(office, random) else {
        return Ok(false);
    };
    let Some(number) = office.ledger().command(command.clone()) else {
        return Ok(false);
    };
    let arguments = orders::arguments(&command);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut process = office.office.command(&arguments);
    office.interposed.lift();
    office.interposed.preload(&mut process);
    order(office, point, random);
    let done = run_command(process, b"");
    match done.code {
        None => Ok(true),
        Some(0) => {
            office.ledger().command_answered(number);
            Ok(false)
        }
        // It found nothing to do, or so it says; the account knows.
        Some(1) => Ok(false),
        Some(_) => Err(format!("{arguments:?}: {done:?}")),
    }
}

/// Has a crowd at work until `end` returns, then makes sure of the hub's end.
fn beside(
    office: &Tortured,
    mut hub: Running,
    crowd: Crowd,
    random: &mut Random,
    end: impl FnOnce(&mut Running, &mut Random) -> Option<ExitStatus>,
) -> Result<Option<ExitStatus>, String> {
    let work = Work {
        smtp: hub.smtp,
        pop3: hub.pop3,
        sends_large: crowd == Crowd::Large,
        provides_too_large: crowd == Crowd::TooLarge,
        floods: crowd == Crowd::Flood,
        over: AtomicBool::new(false),
    };
    let everybody = matches!(crowd, Crowd::Everybody | Crowd::Large);
    let senders = match crowd {
        Crowd::Everybody | Crowd::Large => 2,
        Crowd::Flood => 4,
        _ => 0,
    };
    let pcs = match crowd {
        Crowd::Pcs => 4,
        _ if everybody => 2,
        _ => 0,
    };
    let fetches = everybody || matches!(crowd, Crowd::Fetching | Crowd::TooLarge);
    let orders = crowd == Crowd::Orders || everybody && random.percent(50);
    let ended = thread::scope(|scope| {
        let work = &work;
        for number in 0..senders {
            let random = random.branch(number);
            scope.spawn(move || senders::run(office, work, random));
        }
        let first = random.below(USERS.len() as u64) as usize;
        for number in 0..pcs {
            let user = USERS[(first + number) % USERS.len()];
            let random = random.branch(100 + number as u64);
            scope.spawn(move || pcs::run(office, work, user, random));
        }
        if fetches {
            let random = random.branch(200);
            scope.spawn(move || orders::fetch(office, work, random));
        }
        if orders {
            let random = random.branch(300);
            scope.spawn(move || orders::order(office, work, random));
        }
        let ended = end(&mut hub, random);
        work.over.store(true, Ordering::SeqCst);
        hub.kill();
        ended
    });
    check_log(&hub)?;
    Ok(ended)
}

/// Nothing that befalls it is an error of its own; but on a machine that is busy
/// for seconds a hub that is to stop gives up its store, which is as good as a kill.
fn check_log(hub: &Running) -> Result<(), String> {
    let log = hub.log();
    let errors = ["[ERROR]", "internal error"];
    let is_fault = |line: &str| {
        errors.iter().any(|it| line.contains(it)) && !line.contains("the store does not end")
    };
    match log.lines().find(|line| is_fault(line)) {
        Some(line) => Err(format!("{line}, in the log:\n{log}")),
        None => Ok(()),
    }
}
