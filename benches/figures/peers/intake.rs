//! Mail into the mailboxes: how much, what it costs, and what is written for it.

use std::path::Path;

use super::comparison::{Better, Comparison, Line};
use super::device::Device;
use super::load::{Connections, Load, RECIPIENTS, Sent, USERS, pipelined, warm};
use super::postfix::Postfix;
use crate::office::Office;
use crate::table::{amount, spread};
use crate::{Outcome, Plan};

/// Who else does it.
pub const PEER: &str = "Postfix + Dovecot";
const SESSIONS: usize = 10;
/// A part of [`Plan::source_messages`] is no less than this.
const LEAST_MESSAGES: usize = 40;

/// What a line of the table shows of a work.
#[derive(Debug, Clone, Copy)]
enum Shown {
    Rate,
    CpuPer1000,
    Written,
}

/// One kind of mail, and the lines about it, each with what is aimed at.
struct Work {
    name: &'static str,
    load: Load,
    lines: &'static [(Shown, &'static str)],
}

/// What one side came to, turn by turn.
#[derive(Default)]
struct Works {
    sent: Vec<Sent>,
    /// Octets written for each octet of content.
    written: Vec<f64>,
}

fn works(plan: &Plan) -> Vec<Work> {
    let part = |of: usize| (plan.source_messages / of).max(LEAST_MESSAGES);
    let small = Load::new(4096, SESSIONS, part(1).max(400));
    vec![
        Work {
            name: "4 KB, 10 sessions",
            load: small,
            lines: &[
                (Shown::Rate, "target: ≥ 7 ×"),
                (Shown::CpuPer1000, "target: ≤ 0.2"),
                (Shown::Written, "target: ≤ 5"),
            ],
        },
        Work {
            name: "4 KB, 10 sessions that stay",
            load: Load {
                connections: Connections::Stay,
                ..small
            },
            lines: &[(Shown::Rate, "")],
        },
        Work {
            name: "4 KB, 1 session",
            load: Load::new(4096, 1, part(2)),
            lines: &[(Shown::Rate, "target: ≥ 5 ×")],
        },
        Work {
            name: "4 KB, 100 sessions",
            load: Load::new(4096, 100, part(1)),
            lines: &[(Shown::Written, "target: ≤ 4")],
        },
        Work {
            name: "50 KB, 10 sessions",
            load: Load::new(50 * 1024, SESSIONS, part(2)),
            lines: &[(Shown::Rate, "target: ≥ 8 ×")],
        },
        Work {
            name: "1 MB, 10 sessions",
            load: Load::new(1024 * 1024, SESSIONS, part(20)),
            lines: &[
                (Shown::Rate, "target: ≥ 3 ×"),
                (Shown::Written, "target: ≤ 1.1"),
            ],
        },
        Work {
            name: "4 KB to 10 recipients, 10 sessions",
            load: Load {
                recipients: RECIPIENTS,
                ..Load::new(4096, SESSIONS, part(10))
            },
            lines: &[(Shown::Rate, "")],
        },
    ]
}

/// Users of an office who take what smtp-source sends.
pub fn office(folder: &Path) -> Outcome<Office> {
    let further: Vec<String> = (2..=RECIPIENTS).map(|it| format!("{it}user")).collect();
    let mut users = vec![("user", USERS)];
    users.extend(further.iter().map(|kind| (kind.as_str(), SESSIONS)));
    Office::make_for(folder, &users)
}

/// Each turn has a peer that is started without mail; the hub starts anew, and
/// without mail, for each work: what it writes when it ends counts as well.
pub fn measure(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    if let Some(why) = Postfix::missing() {
        comparison.missing("mail comes in", why);
        return Ok(());
    }
    let office = office(&folder.join("intake"))?;
    let device = Device::below(folder)?;
    let device = device.as_ref();
    let works = works(plan);
    let mut sides: Vec<[Works; 2]> = works.iter().map(|_| Default::default()).collect();
    let mut own = <[Works; 2]>::default();
    for turn in 1..=plan.works {
        crate::say(&format!("mail comes in, turn {turn}"));
        let peer = Postfix::start(&folder.join(format!("intake-peer{turn}")))?;
        warm(&peer)?;
        for (work, [of_peer, of_hub]) in works.iter().zip(&mut sides) {
            of_peer.measure(&work.load, device, || work.load.send(&peer))?;
            office.empty()?;
            let hub = office.start()?;
            warm(&hub)?;
            of_hub.measure(&work.load, device, || {
                let sent = work.load.send(&hub)?;
                hub.stop()?;
                Ok(sent)
            })?;
        }
        let [of_peer, of_hub] = &mut own;
        of_peer
            .sent
            .push(pipelined(&peer, SESSIONS, plan.rate_time)?);
        let hub = office.start()?;
        of_hub.sent.push(pipelined(&hub, SESSIONS, plan.rate_time)?);
        hub.stop()?;
    }
    for (work, sides) in works.iter().zip(&sides) {
        work.lines
            .iter()
            .for_each(|line| report(work.name, *line, sides, comparison));
    }
    let name = "4 KB, 10 sessions that stay, pipelined by a sender of our own";
    report(name, (Shown::Rate, ""), &own, comparison);
    Ok(())
}

impl Works {
    fn measure(
        &mut self,
        load: &Load,
        device: Option<&Device>,
        send: impl FnOnce() -> Outcome<Sent>,
    ) -> Outcome<()> {
        let before = device.map(Device::written).transpose()?;
        self.sent.push(send()?);
        let after = device.map(Device::written).transpose()?;
        let octets = after.zip(before).map(|(after, before)| after - before);
        self.written
            .extend(octets.map(|octets| octets / load.all_octets()));
        Ok(())
    }

    fn each(&self, of: fn(&Sent) -> f64) -> Vec<f64> {
        self.sent.iter().map(of).collect()
    }
}

fn report(
    name: &str,
    (shown, target): (Shown, &str),
    sides: &[Works; 2],
    comparison: &mut Comparison,
) {
    let (what, better) = match shown {
        Shown::Rate => ("messages/s until all are in the mailboxes", Better::More),
        Shown::CpuPer1000 => ("the server's CPU seconds per 1,000", Better::Less),
        Shown::Written => ("octets written to the disk per octet", Better::Less),
    };
    let work = format!("{name}, {what}");
    let of = |side: &Works| match shown {
        Shown::Rate => side.each(Sent::per_second),
        Shown::CpuPer1000 => side.each(Sent::cpu_s_per_1000),
        Shown::Written => side.written.clone(),
    };
    let [peer, postroom] = sides.each_ref().map(of);
    if postroom.is_empty() {
        return comparison.missing(&work, "no block device is known below the folder");
    }
    comparison.line(&Line {
        work,
        better,
        peer: Some((PEER, peer)),
        postroom,
        limit: limit(shown, target, sides),
    });
}

/// What is aimed at, and how much of the machine the sender took beside postroom.
fn limit(shown: Shown, target: &str, [_, postroom]: &[Works; 2]) -> String {
    let sender = postroom.each(|sent| sent.source_cpu_s * 1000.0 / sent.messages);
    match (shown, spread(&sender)) {
        (Shown::CpuPer1000, Some([_, median, _])) => {
            format!("{target}; smtp-source itself: {}", amount(median))
        }
        _ => target.to_string(),
    }
}
