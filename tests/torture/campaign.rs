//! Many rounds in many offices beside each other, and what they came to.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::ledger::Counts;
use crate::office::Tortured;
use crate::points::{
    self, INSTANT, INSTANT_OF_PCS, LARGE_INSTANT, POINTS, POINTS_OF_SWEEPS, Point,
};
use crate::random::Random;
use crate::round;

/// Offices beside each other: most of the time each waits for something.
const OFFICES: usize = 4;
/// Rounds in one office: what it holds is counted anew after each of them.
const ROUNDS_OF_OFFICE: usize = 40;
/// A hundred in all offices of the short run.
const KILLS_OF_OFFICE: usize = 25;
/// How often a point is tried that was not met.
const TRIES: usize = 15;

/// What all came to.
#[derive(Debug, Default)]
pub struct Tally {
    pub rounds: usize,
    /// By point: how often it was tried, and how often the hub died there.
    pub kills: BTreeMap<&'static str, (usize, usize)>,
    pub counts: Counts,
    pub violations: Vec<String>,
}

/// So many rounds at points and instants that chance chooses.
pub fn at_random(seed: u64, rounds: usize) -> Tally {
    let offices = rounds.div_ceil(ROUNDS_OF_OFFICE);
    let next = AtomicUsize::new(0);
    all(seed, || {
        let office = next.fetch_add(1, Ordering::SeqCst);
        let left = rounds
            .checked_sub(office * ROUNDS_OF_OFFICE)
            .filter(|left| *left > 0)?;
        (office < offices).then_some((office, Plan::Chance(left.min(ROUNDS_OF_OFFICE))))
    })
}

/// Each point once at least, and random instants between them.
pub fn at_each_point(seed: u64) -> Tally {
    let next = AtomicUsize::new(0);
    all(seed, || {
        let office = next.fetch_add(1, Ordering::SeqCst);
        if office >= OFFICES {
            return None;
        }
        let mut own: Vec<&Point> = POINTS.iter().skip(office).step_by(OFFICES).collect();
        if sweeps(office) {
            own.extend(POINTS_OF_SWEEPS);
        }
        Some((office, Plan::Each(own)))
    })
}

/// Every fourth office forgets at each start what was collected.
fn sweeps(office: usize) -> bool {
    office % 4 == 3
}

enum Plan {
    Chance(usize),
    Each(Vec<&'static Point>),
}

fn all(seed: u64, next: impl Fn() -> Option<(usize, Plan)> + Sync) -> Tally {
    let tally = Mutex::new(Tally::default());
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..OFFICES {
            scope.spawn(|| {
                while !failed.load(Ordering::SeqCst)
                    && let Some((number, plan)) = next()
                {
                    let life = Life::new(seed, number).live(plan);
                    println!("office {number}: {life}");
                    let mut tally = tally.lock().unwrap();
                    if !life.violations.is_empty() {
                        failed.store(true, Ordering::SeqCst);
                    }
                    tally.add(life);
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

/// One office from its first start to its last account.
struct Life {
    seed: u64,
    number: usize,
    office: Tortured,
    random: Random,
    tally: Tally,
}

impl Life {
    fn new(seed: u64, number: usize) -> Life {
        Life {
            seed,
            number,
            office: Tortured::new(1 + number as u64 * 1_000_000, sweeps(number)),
            random: Random::seeded(seed).branch(number as u64),
            tally: Tally::default(),
        }
    }

    fn live(mut self, plan: Plan) -> Tally {
        let lived = match plan {
            Plan::Chance(rounds) => self.by_chance(rounds),
            Plan::Each(points) => self.at_each(&points),
        };
        let ended = lived.and_then(|()| round::finish(&self.office));
        if let Err(why) = ended {
            self.office.ledger().violation(why);
        }
        let ledger = self.office.ledger();
        self.tally.counts = ledger.counts.clone();
        self.tally.violations = ledger.violations.clone();
        drop(ledger);
        if !self.tally.violations.is_empty() {
            let kept = keep(&self.office.office.path(""), self.seed, self.number);
            let (seed, number, rounds) = (self.seed, self.number, self.tally.rounds);
            self.tally.violations.insert(
                0,
                format!(
                    "seed {seed}, office {number}, round {rounds}; its folder is {}",
                    kept.display()
                ),
            );
        }
        self.tally
    }

    fn by_chance(&mut self, rounds: usize) -> Result<(), String> {
        while self.tally.rounds < rounds {
            let more = if sweeps(self.number) {
                POINTS_OF_SWEEPS
            } else {
                &[]
            };
            let named = self.random.below((POINTS.len() + more.len()) as u64) as usize;
            let point = match self.random.below(10) {
                0..3 => &INSTANT,
                3 => &LARGE_INSTANT,
                4 => &INSTANT_OF_PCS,
                _ => POINTS.iter().chain(more).nth(named).unwrap(),
            };
            self.kill(point)?;
        }
        Ok(())
    }

    fn at_each(&mut self, points: &[&'static Point]) -> Result<(), String> {
        // There must be mail to collect, to restore and to sweep.
        for point in [&INSTANT, &LARGE_INSTANT, &INSTANT_OF_PCS, &INSTANT_OF_PCS] {
            self.kill(point)?;
        }
        for &point in points {
            let mut tries = 0;
            while !self.kill(point)? && tries < TRIES {
                tries += 1;
                self.kill(&LARGE_INSTANT)?;
            }
        }
        while self.tally.killed() < KILLS_OF_OFFICE {
            self.kill(&INSTANT)?;
        }
        Ok(())
    }

    /// Whether the hub died at this point.
    fn kill(&mut self, point: &'static Point) -> Result<bool, String> {
        if let Some(name) = point.behind {
            self.kill_at(points::named(name))?;
        }
        self.kill_at(point)
    }

    fn kill_at(&mut self, point: &'static Point) -> Result<bool, String> {
        self.tally.rounds += 1;
        let mut random = self.random.branch(self.tally.rounds as u64);
        let met = round::run(&self.office, point, &mut random)?;
        let (tried, killed) = self.tally.kills.entry(point.name).or_default();
        *tried += 1;
        *killed += usize::from(met);
        match self.office.ledger().violations.is_empty() {
            true => Ok(met),
            false => Err(format!("found behind the round before {:?}", point.name)),
        }
    }
}

/// A copy of the folder, where whoever looks for the fault finds it.
fn keep(folder: &Path, seed: u64, office: usize) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("torture-{seed}-{office}"));
    let _ = fs::remove_dir_all(&kept);
    copy(folder, &kept);
    kept
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&path, &to);
        } else if kind.is_file() {
            fs::copy(&path, &to).unwrap();
        }
    }
}

impl Tally {
    fn add(&mut self, life: Tally) {
        self.rounds += life.rounds;
        for (name, (tried, killed)) in life.kills {
            let all = self.kills.entry(name).or_default();
            all.0 += tried;
            all.1 += killed;
        }
        self.counts.add(&life.counts);
        self.violations.extend(life.violations);
    }

    /// A line for each point.
    pub fn by_point(&self) -> String {
        let lines = self.kills.iter().map(|(name, (tried, killed))| {
            format!("{killed:6} kills in {tried:6} rounds: {name}\n")
        });
        lines.collect()
    }

    pub fn killed(&self) -> usize {
        self.kills.values().map(|(_, killed)| killed).sum()
    }

    /// Points at which no hub died.
    pub fn missed(&self) -> Vec<&'static str> {
        let all = POINTS
            .iter()
            .chain(POINTS_OF_SWEEPS)
            .map(|point| point.name);
        all.filter(|name| self.kills.get(name).is_none_or(|(_, killed)| *killed == 0))
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            sent,
            acknowledged,
            provided,
            collected,
            commands,
            duplicates,
        } = self.counts;
        write!(
            f,
            "rounds {}, kills {} at {} points; letters: {sent} sent, {acknowledged} acknowledged, {provided} at \
             providers, {collected} collected; {commands} orders; {duplicates} duplicates that were to be expected; \
             {} violations",
            self.rounds,
            self.killed(),
            self.kills.len(),
            self.violations.len()
        )
    }
}
