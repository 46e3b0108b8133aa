//! What a disk with a slow flush leaves of the intake: syncs for each message,
//! and how near to a raw append it comes.

use std::path::Path;
use std::time::Duration;

use super::comparison::{Better, Comparison, Line};
use super::intake::{PEER, office};
use super::load::{Load, RECIPIENTS, warm};
use super::postfix::Postfix;
use super::side::Side;
use super::slow_disk::{Appends, SlowDisk};
use crate::table::{amount, ratio, spread};
use crate::{Outcome, Plan};

const SESSIONS: usize = 10;
/// An SD card's.
const SLOW: Duration = Duration::from_millis(20);

/// One kind of mail on one kind of disk.
struct Work {
    name: &'static str,
    flush: Duration,
    load: Load,
    shown: Shown,
    target: &'static str,
}

#[derive(Clone, Copy)]
enum Shown {
    SyncsPerMessage,
    /// Beside a raw append of one message for each session.
    Rate,
}

/// Turn by turn.
#[derive(Default)]
struct Works {
    peer: Vec<f64>,
    postroom: Vec<f64>,
    /// By one writer that has a message of each session for each flush.
    append: Vec<f64>,
    /// By a writer for each session that syncs as soon as it has appended one.
    append_each: Vec<f64>,
}

fn works(plan: &Plan) -> Vec<Work> {
    let part = |of: usize, least: usize| (plan.source_messages / of).max(least);
    let to_ten = |messages: usize| Load {
        recipients: RECIPIENTS,
        ..Load::new(4096, SESSIONS, messages)
    };
    vec![
        Work {
            name: "4 KB to 10 recipients, 10 sessions, syncs per message",
            flush: Duration::ZERO,
            load: to_ten(part(20, 50)),
            shown: Shown::SyncsPerMessage,
            target: "target: ≤ 1.2",
        },
        Work {
            name: "the same with 20 ms a flush, syncs per message",
            flush: SLOW,
            load: to_ten(part(50, 30)),
            shown: Shown::SyncsPerMessage,
            target: "target: ≤ 0.3",
        },
        Work {
            name: "4 KB, 1 session, 20 ms a flush, messages/s until all are in the mailboxes",
            flush: SLOW,
            load: Load::new(4096, 1, part(50, 30)),
            shown: Shown::Rate,
            target: "target: ≥ 0.85",
        },
        Work {
            name: "4 KB, 10 sessions, 20 ms a flush, messages/s until all are in the mailboxes",
            flush: SLOW,
            load: Load::new(4096, SESSIONS, part(10, 100)),
            shown: Shown::Rate,
            target: "target: ≥ 0.8",
        },
    ]
}

/// Both sides over the same library, which counts the syncs and holds them.
pub fn measure(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    if let Some(why) = Postfix::missing() {
        comparison.missing("mail comes in on a slow disk", why);
        return Ok(());
    }
    let Some(disk) = SlowDisk::build(folder)? else {
        comparison.missing(
            "mail comes in on a slow disk",
            "there is no C compiler (cc)",
        );
        return Ok(());
    };
    let office = office(&folder.join("flushes"))?;
    let works = works(plan);
    let mut found: Vec<Works> = works.iter().map(|_| Works::default()).collect();
    for turn in 1..=plan.works {
        crate::say(&format!("mail comes in over a slow disk, turn {turn}"));
        let place = folder.join(format!("flushes-peer{turn}"));
        let peer = Postfix::start_over(&place, Some(&disk.library))?;
        warm(&peer)?;
        for (work, found) in works.iter().zip(&mut found) {
            office.empty()?;
            disk.set_flush(work.flush)?;
            if matches!(work.shown, Shown::Rate) {
                found.append(&disk, work.load.sessions, plan)?;
            }
            found.peer.push(work.measure(&peer, &disk)?);
            // Whatever a hub syncs at its start and at its end is no message's.
            disk.set_flush(Duration::ZERO)?;
            let hub = office.start_over(&disk.library)?;
            warm(&hub)?;
            disk.set_flush(work.flush)?;
            found.postroom.push(work.measure(&hub, &disk)?);
            disk.set_flush(Duration::ZERO)?;
            hub.stop()?;
        }
    }
    for (work, found) in works.iter().zip(found) {
        work.report(found, comparison);
    }
    Ok(())
}

impl Works {
    fn append(&mut self, disk: &SlowDisk, sessions: usize, plan: &Plan) -> Outcome<()> {
        let rate =
            |writers, batch| disk.appends_per_second(Appends { writers, batch }, plan.rate_time);
        self.append.push(rate(1, sessions)?);
        self.append_each.push(rate(sessions, 1)?);
        Ok(())
    }

    /// Beside the raw appends, in words.
    fn beside(&self, sessions: usize) -> String {
        let with_rate = |appends: &[f64], what: &str| {
            let [_, median, _] = spread(appends).unwrap_or_default();
            let words = format!("{what} ({}/s)", amount(median));
            ratio(&self.postroom, appends, &words)
        };
        let alone = with_rate(&self.append, "a raw append");
        match sessions {
            1 => alone,
            _ => {
                let each = with_rate(
                    &self.append_each,
                    "as many writers that sync each for itself",
                );
                format!("{alone} of {sessions} a flush, {each}")
            }
        }
    }
}

impl Work {
    fn measure(&self, side: &impl Side, disk: &SlowDisk) -> Outcome<f64> {
        let before = disk.syncs()?;
        let sent = self.load.send(side)?;
        let syncs = disk.syncs()? - before;
        Ok(match self.shown {
            Shown::SyncsPerMessage => syncs / sent.messages,
            Shown::Rate => sent.per_second(),
        })
    }

    fn report(&self, found: Works, comparison: &mut Comparison) {
        let beside = match self.shown {
            Shown::SyncsPerMessage => String::new(),
            Shown::Rate => found.beside(self.load.sessions),
        };
        let parts = [beside.as_str(), self.target];
        let said: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        comparison.line(&Line {
            work: self.name.to_string(),
            better: match self.shown {
                Shown::SyncsPerMessage => Better::Less,
                Shown::Rate => Better::More,
            },
            peer: Some((PEER, found.peer)),
            postroom: found.postroom,
            limit: said.join("; "),
        });
    }
}
