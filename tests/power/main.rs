//! Power cuts: what a hub had promised is there, whatever the disk forgot.
//!
//! A hub at work is recorded, call by call (tests/support/interpose.c). From
//! the record, the state of its data folder is worked out for points of it
//! (disk.rs), as if the power had gone there, and opened as the next start
//! does; then every promise of that moment is looked for (account.rs).
//!
//! `POSTROOM_TORTURE_ROUNDS` sets how many cuts each test makes, and
//! `POSTROOM_TORTURE_SEED` repeats a run (scripts/torture).

mod account;
mod disk;
mod office;
mod record;
#[path = "../support/dialogue.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod dialogue;
#[path = "../support/hub.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod hub;
#[path = "../support/interpose.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod interpose;
#[path = "../support/mail.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod mail;
#[path = "../support/provider.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod provider;
#[path = "../support/random.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod random;
#[path = "../support/talk.rs"]
#[allow(dead_code, reason = "shared with tests that use the rest of it")]
mod talk;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::tempdir_in;

use account::{Told, reckon};
use disk::{Disk, Left};
use interpose::{Action, Rule, call, place};
use office::{Sent, Working};
use random::Random;
use record::Call;

/// An error of the disk (EIO).
const FAILS: Action = Action::Fail(5);

const SEED: &str = "POSTROOM_TORTURE_SEED";

/// A number from the environment.
fn ordered(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// Where the states are looked at: their syncs mean nothing.
fn in_memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}

/// Before which call the power goes, and what it leaves.
type Cut = (usize, Left);

/// Cuts the power at these points of the record, in their order, and reckons
/// after each.
fn make_cuts(mut disk: Disk, calls: &[Call], sent: &Sent, cuts: &[Cut], chance: &mut Random) {
    let mut cuts = cuts.iter().peekable();
    let mut told = Told::default();
    for number in 0..=calls.len() {
        while let Some((_, left)) = cuts.next_if(|(before, _)| *before == number) {
            let folder = tempdir_in(in_memory()).unwrap();
            let data = folder.path().join("data");
            disk.cut(*left, chance, &data);
            let wrong = reckon(&data, &told, sent);
            if !wrong.is_empty() {
                let kept = folder.keep();
                panic!(
                    "power cut before call {number} of {}, {left:?} left of what was not synced, \
                     folder {}:\n{}",
                    calls.len(),
                    kept.display(),
                    wrong.join("\n")
                );
            }
        }
        let Some(call) = calls.get(number) else { break };
        disk.take(call, chance);
        told.take(call, sent);
    }
}

/// So many cuts at points that chance takes from these, each in some way.
fn some_of(points: &[usize], cuts: usize, chance: &mut Random) -> Vec<Cut> {
    let cut = |_| {
        let point = points[chance.index(points.len())];
        (point, Left::ALL[chance.index(Left::ALL.len())])
    };
    let mut cuts: Vec<Cut> = (0..cuts).map(cut).collect();
    cuts.sort_by_key(|(before, _)| *before);
    cuts
}

/// An office with a record of what it does; the power is cut at the end.
struct Run {
    name: &'static str,
    seed: u64,
    working: Working,
    before: Disk,
}

impl Run {
    fn new(name: &'static str) -> Run {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = ordered(SEED).unwrap_or(now.as_nanos() as u64);
        println!("{SEED}={seed}");
        let working = Working::new(seed);
        let before = Disk::of(&working.office.path("data"));
        Run {
            name,
            seed,
            working,
            before,
        }
    }

    /// Cuts the power at so many points of all that was done.
    fn cut(self, cuts: usize) {
        let cuts = ordered("POSTROOM_TORTURE_ROUNDS").map_or(cuts, |cuts| cuts as usize);
        self.cut_where(|calls, chance| {
            let points: Vec<usize> = (0..=calls.len()).collect();
            some_of(&points, cuts, chance)
        });
    }

    /// The same at points where the log was being copied into the database.
    fn cut_during_checkpoints(self, cuts: usize) {
        let cuts = ordered("POSTROOM_TORTURE_ROUNDS").map_or(cuts, |cuts| cuts as usize);
        self.cut_where(|calls, chance| {
            let copying = |call: &Call| {
                matches!(
                    call,
                    Call::Written {
                        is_database: true,
                        ..
                    }
                )
            };
            let points = (0..calls.len()).filter(|&number| copying(&calls[number]));
            let points: Vec<usize> = points.collect();
            assert!(points.len() > 1_000, "{} pages were copied", points.len());
            some_of(&points, cuts, chance)
        });
    }

    /// Cuts the power at every point, in every way.
    fn cut_everywhere(self) {
        self.cut_where(|calls, _| {
            (0..=calls.len())
                .flat_map(|number| Left::ALL.map(|left| (number, left)))
                .collect()
        });
    }

    fn cut_where(self, choose: impl FnOnce(&[Call], &mut Random) -> Vec<Cut>) {
        let calls = record::read(&self.working.interposed.record());
        let (sent, _record) = self.working.into_sent();
        let mut chance = Random::seeded(self.seed);
        let cuts = choose(&calls, &mut chance);
        make_cuts(self.before, &calls, &sent, &cuts, &mut chance);
        println!(
            "{}: {} power cuts in {} calls, {} messages sent, {} acknowledged, {} sessions of a \
             PC, {} polls",
            self.name,
            cuts.len(),
            calls.len(),
            sent.messages.len(),
            sent.ids.len(),
            sent.removed.len(),
            sent.listed.len()
        );
    }
}

#[test]
fn a_power_cut_at_any_point_loses_nothing_that_was_acknowledged() {
    let run = Run::new("at work");
    run.working.work_and_be_killed(&[]);
    for rule in [
        Rule::once(Action::KillBefore, call::SYNC, place::LOG, 40),
        Rule::once(Action::KillAfter, call::RENAME, place::BODY, 12),
        Rule::once(Action::KillBefore, call::WRITE, place::DATABASE, 20),
    ] {
        run.working.work_and_be_killed(&[rule]);
    }
    run.cut(60);
}

#[test]
fn a_power_cut_at_every_point_of_a_first_start_and_a_stop_is_survived() {
    let run = Run::new("a first start");
    let mut hub = run.working.serve();
    run.working.send_one(&hub);
    assert!(hub.stop().success());
    run.cut_everywhere();
}

#[test]
fn a_power_cut_during_a_checkpoint_loses_nothing() {
    let run = Run::new("checkpoints");
    run.working.fill_the_log();
    run.cut_during_checkpoints(25);
}

#[test]
fn a_start_whose_checkpoint_cannot_be_synced_is_none() {
    let run = Run::new("starts that fail");
    run.working.fill_the_log();
    let fails = Rule::always(FAILS, call::SYNC, place::DATABASE);
    let said = run.working.serve_badly(&[fails]);
    assert!(
        said.contains("the disk failed under the database"),
        "{said}"
    );
    let mut hub = run.working.serve();
    assert!(hub.stop().success());
    run.cut_during_checkpoints(25);
}

#[test]
fn a_sync_that_failed_is_never_taken_for_one_that_worked() {
    let run = Run::new("syncs that fail");
    for rules in [
        [
            Rule::once(FAILS, call::SYNC, place::LOG, 10),
            Rule::once(FAILS, call::SYNC, place::LOG, 15),
        ],
        [
            Rule::once(FAILS, call::SYNC, place::BODY, 3),
            Rule::once(FAILS, call::SYNC, place::BODIES, 7),
        ],
        [
            Rule::once(FAILS, call::SYNC, place::DATABASE, 0),
            Rule::once(FAILS, call::SYNC, place::LOG, 30),
        ],
    ] {
        run.working.work_and_be_killed(&rules);
    }
    run.cut(60);
}

/// A commit that a kill, or a sync that failed, left in the memory of the
/// system alone: the next process finds it in the log of the database.
#[test]
fn a_commit_that_was_never_synced_is_synced_before_anything_is_built_on_it() {
    for fault in [Action::KillBefore, FAILS] {
        let run = Run::new("a commit without its sync");
        run.working.put_at_provider();
        let without_sync = Rule::once(fault, call::SYNC, place::LOG, 0);
        // A writer that begins anew would put another commit in its place.
        let killed = Rule::once(Action::KillBefore, call::OPEN, place::LOG, 0);
        assert!(!run.working.fetch_disturbed(&[without_sync, killed]));
        assert!(run.working.fetch());
        assert_eq!(run.working.provider.held(), 0);
        run.cut(60);
    }
}

#[test]
fn a_full_disk_after_a_crash_does_not_keep_the_hub_from_starting() {
    let working = Working::new(1);
    let mut hub = working.serve();
    working.send_one(&hub);
    hub.kill();
    let mut command = working.office.command(&["serve"]);
    working.interposed.preload(&mut command);
    const NO_ROOM: Action = Action::Fail(28);
    let full = Rule::always(NO_ROOM, call::WRITE, place::DATABASE);
    working.interposed.order(&[full]);
    let hub = working.office.serve_by(command);
    assert!(working.interposed.acted(0) > 0);
    assert_eq!(mail::waiting(&hub, "anna"), 1);
}
