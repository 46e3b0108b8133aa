//! Where the hub is killed: at random instants, and at calls that have a name.

use crate::interpose::call::{MKDIR, OPEN, RENAME, SEND, SYNC, TRUNCATE, UNLINK, WRITE};
use crate::interpose::place::{BODIES, BODY, DATABASE, LOG, SOCKET, STORE};
use crate::interpose::{Action, Rule};
use crate::random::Random;

/// A place in the hub's life.
#[derive(Debug)]
pub struct Point {
    pub name: &'static str,
    pub when: When,
    /// None: at a random instant.
    pub call: Option<Call>,
    /// A kill that makes this one possible, right before it.
    pub behind: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The hub starts, behind an earlier kill.
    Start,
    /// These are at work.
    Work(Crowd),
    /// It is told to stop, while there is work.
    Stop,
    /// No hub runs; a command does its work on the store.
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowd {
    Everybody,
    /// Everybody, with large letters.
    Large,
    /// More letters than the log of the database is to hold.
    Flood,
    Pcs,
    Fetching,
    /// Fetching what is too large to be fetched.
    TooLarge,
    Orders,
}

/// The call that the hub does not survive: one of the first so many.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    action: Action,
    calls: i32,
    places: i32,
    text: &'static str,
    among: u64,
}

impl Call {
    pub fn rule(&self, random: &mut Random) -> Rule {
        let after = random.below(self.among) as i64;
        Rule::once(self.action, self.calls, self.places, after).with(self.text)
    }
}

const fn before(calls: i32, places: i32, among: u64) -> Call {
    Call {
        action: Action::KillBefore,
        calls,
        places,
        text: "",
        among,
    }
}

const fn after(calls: i32, places: i32, among: u64) -> Call {
    Call {
        action: Action::KillAfter,
        ..before(calls, places, among)
    }
}

const fn before_saying(text: &'static str, among: u64) -> Call {
    Call {
        text,
        ..before(SEND, SOCKET, among)
    }
}

const fn after_saying(text: &'static str, among: u64) -> Call {
    Call {
        text,
        ..after(SEND, SOCKET, among)
    }
}

const fn at_work(name: &'static str, crowd: Crowd, call: Call) -> Point {
    Point {
        name,
        when: When::Work(crowd),
        call: Some(call),
        behind: None,
    }
}

const fn at(name: &'static str, when: When, call: Call) -> Point {
    Point {
        name,
        when,
        call: Some(call),
        behind: None,
    }
}

/// Whatever changes the store.
const ANY: i32 = OPEN | WRITE | SYNC | RENAME | UNLINK | TRUNCATE | MKDIR;
const KEPT: &str = "250 2.0.0 kept as ";

use Crowd::{Everybody, Fetching, Flood, Large, Orders, Pcs, TooLarge};
use When::{Command, Start, Stop};

#[rustfmt::skip]
pub const POINTS: &[Point] = &[
    at_work("before a commit", Everybody, before(SYNC, LOG, 8)),
    at_work("while a commit is written", Everybody, before(WRITE, LOG, 60)),
    at_work("after a commit", Everybody, after(SYNC, LOG, 8)),
    at_work("between commit and 250", Everybody, before_saying(KEPT, 5)),
    at_work("after 250", Everybody, after_saying(KEPT, 5)),
    at_work("a body file is begun", Large, after(OPEN, BODY, 4)),
    at_work("a body file is written", Large, after(WRITE, BODY, 9)),
    at_work("before the sync of a body file", Large, before(SYNC, BODY, 4)),
    at_work("before a body file has its name", Large, before(RENAME, BODY, 4)),
    at_work("before the sync of the folder", Large, before(SYNC, BODIES, 4)),
    at_work(ORPHAN, Large, after(SYNC, BODIES, 4)),
    at_work("before the commit of fetched mail", Fetching, before(SYNC, LOG, 5)),
    at_work("after the commit of fetched mail", Fetching, after(SYNC, LOG, 5)),
    at_work("between commit and DELE", Fetching, before_saying("DELE", 3)),
    at_work("after DELE, before QUIT", Fetching, after_saying("DELE", 3)),
    at_work("before QUIT at the provider", Fetching, before_saying("QUIT", 4)),
    at_work("after QUIT at the provider", Fetching, after_saying("QUIT", 4)),
    at_work("before the commit of a notice", TooLarge, before(SYNC, LOG, 3)),
    at_work("after the commit of a notice", TooLarge, after(SYNC, LOG, 3)),
    at_work("before the commit of a QUIT", Pcs, before(SYNC, LOG, 3)),
    at_work("while the commit of a QUIT is written", Pcs, before(WRITE, LOG, 8)),
    at_work("after the commit of a QUIT", Pcs, after(SYNC, LOG, 3)),
    at_work("between QUIT's commit and answer", Pcs, before_saying("+OK goodbye", 3)),
    at_work("after QUIT's answer", Pcs, after_saying("+OK goodbye", 3)),
    at_work("before the commit of an order", Orders, before(SYNC, LOG, 2)),
    at_work("while the commit of an order is written", Orders, before(WRITE, LOG, 12)),
    at_work("after the commit of an order", Orders, after(SYNC, LOG, 2)),
    at_work("a checkpoint beside mail is written", Flood, before(WRITE, DATABASE, 3000)),
    at_work("before the sync of a checkpoint beside mail", Flood, before(SYNC, DATABASE, 1)),
    at_work("after the sync of a checkpoint beside mail", Flood, after(SYNC, DATABASE, 1)),
    at("a checkpoint at the stop is written", Stop, before(WRITE, DATABASE, 20)),
    at("before the sync of a checkpoint at the stop", Stop, before(SYNC, DATABASE, 1)),
    at("after the sync of a checkpoint at the stop", Stop, after(SYNC, DATABASE, 1)),
    at("before the log is removed", Stop, before(UNLINK, LOG, 1)),
    at("after the log is removed", Stop, after(UNLINK, LOG, 1)),
    at("any call of a start", Start, before(ANY, STORE, 24)),
    at("a commit of a start is written", Start, before(WRITE, LOG, 6)),
    at("before a commit of a start", Start, before(SYNC, LOG, 2)),
    at("after a commit of a start", Start, after(SYNC, LOG, 2)),
    Point { behind: Some(ORPHAN), ..at("before an orphan is removed", Start, before(UNLINK, BODY, 1)) },
    Point { behind: Some(ORPHAN), ..at("after an orphan is removed", Start, after(UNLINK, BODY, 1)) },
    at("a command without a hub", Command, before(ANY, STORE, 40)),
    at("before the commit of a command without a hub", Command, before(SYNC, LOG, 1)),
    at("after the commit of a command without a hub", Command, after(SYNC, LOG, 1)),
];

const ORPHAN: &str = "between body file and row";

/// Only where what was collected is swept at each start.
#[rustfmt::skip]
pub const POINTS_OF_SWEEPS: &[Point] = &[
    Point { behind: Some(INSTANT_OF_PCS.name), ..at("a sweep is written", Start, before(WRITE, LOG, 30)) },
    Point { behind: Some(INSTANT_OF_PCS.name), ..at("before a commit of a sweep", Start, before(SYNC, LOG, 4)) },
    Point { behind: Some(INSTANT_OF_PCS.name), ..at("after a commit of a sweep", Start, after(SYNC, LOG, 4)) },
    Point { behind: Some(INSTANT_OF_PCS.name), ..at("between a sweep's commit and its files", Start, before(UNLINK, BODY, 2)) },
    Point { behind: Some(INSTANT_OF_PCS.name), ..at("a sweep's files are removed", Start, after(UNLINK, BODY, 2)) },
];

/// A random instant while these are at work.
const fn instant(name: &'static str, crowd: Crowd) -> Point {
    Point {
        name,
        when: When::Work(crowd),
        call: None,
        behind: None,
    }
}

pub const INSTANT: Point = instant("a random instant", Everybody);
pub const LARGE_INSTANT: Point = instant("a random instant among large letters", Large);
pub const INSTANT_OF_PCS: Point = instant("a random instant of PCs", Pcs);

/// The point of this name.
pub fn named(name: &str) -> &'static Point {
    let others = [&INSTANT, &LARGE_INSTANT, &INSTANT_OF_PCS];
    let mut all = POINTS.iter().chain(POINTS_OF_SWEEPS).chain(others);
    all.find(|point| point.name == name).unwrap()
}
