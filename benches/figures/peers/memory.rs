//! What either side holds in memory: at rest, and while much comes at once.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::comparison::{Better, Comparison, Line};
use super::intake::{PEER, office};
use super::load::USERS;
use super::postfix::Postfix;
use super::side::Side;
use crate::limits::clients::Client;
use crate::limits::many;
use crate::office::Office;
use crate::pop3::poll;
use crate::smtp::Sender;
use crate::{Outcome, Plan};

const LOG_INS: usize = 10;
/// The hub gives memory back when log-ins have stopped for some seconds.
const REST: Duration = Duration::from_secs(10);
/// For a server to take in what was sent.
const SETTLE: Duration = Duration::from_millis(500);
const RECEIVING: usize = 100;
/// Half of the message that each of them sends.
const RECEIVED_OCTETS: usize = 512 * 1024;
const UNDER_TLS: usize = 1_000;
/// 64 MiB in MB. The 64 MB of the default let 976 sessions in.
const BUDGET: &str = "[limits]\nmemory = \"67 MB\"\n";
const MIB: f64 = 1_048_576.0;

/// Of one side, turn by turn, in MiB.
#[derive(Default)]
struct Works {
    after_log_ins: Vec<f64>,
    at_rest: Vec<f64>,
    receiving: Vec<f64>,
    under_tls: Vec<f64>,
}

type OfWorks = fn(&Works) -> &[f64];

/// One side at a time: what both have loaded would count half for each.
pub fn measure(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    if let Some(why) = Postfix::missing() {
        comparison.missing("memory", why);
        return Ok(());
    }
    let office = office(&folder.join("memory"))?;
    let (mut peer, mut postroom) = (Works::default(), Works::default());
    for turn in 1..=plan.memory_works {
        crate::say(&format!("memory at rest and under load, turn {turn}"));
        let place = folder.join(format!("memory-peer{turn}"));
        peer.measure(&Postfix::start(&place)?)?;
        office.empty()?;
        let hub = office.start()?;
        postroom.measure(&hub)?;
        hub.stop()?;
        postroom.under_tls.push(under_tls(&office)?);
    }
    report(&peer, &postroom, comparison);
    Ok(())
}

impl Works {
    fn measure(&mut self, side: &impl Side) -> Outcome<()> {
        let pop3 = side.pop3()?;
        for number in 1..=LOG_INS {
            poll(pop3, &format!("user{number}"))?;
        }
        self.after_log_ins.push(side.pss()? / MIB);
        sleep(REST);
        self.at_rest.push(side.pss()? / MIB);
        let smtp = side.smtp()?;
        let mut senders = Vec::new();
        for number in 0..RECEIVING {
            let mut sender = Sender::connect(smtp, &format!("user{}", 1 + number % USERS))?;
            sender.send_part(RECEIVED_OCTETS)?;
            senders.push(sender);
        }
        sleep(SETTLE);
        self.receiving.push(side.pss()? / MIB);
        Ok(())
    }
}

/// Sessions that have shaken hands and been greeted, on a hub of their own.
fn under_tls(office: &Office) -> Outcome<f64> {
    let descriptors = getrlimit(Resource::Nofile);
    // For the hub, and for us at the other ends.
    let more = Rlimit {
        current: descriptors.maximum,
        ..descriptors
    };
    setrlimit(Resource::Nofile, more)?;
    office.set_beside(BUDGET)?;
    let hub = office.start()?;
    office.set_beside("")?;
    let (smtps, pop3s) = (hub.address("smtps")?, hub.address("pop3s")?);
    let sessions = many(UNDER_TLS, |number| {
        let address = if number % 2 == 0 { pop3s } else { smtps };
        Client::connect(address, number)
    });
    let sessions = sessions.into_iter().collect::<Outcome<Vec<_>>>()?;
    sleep(SETTLE);
    let pss = hub.pss()? / MIB;
    drop(sessions);
    hub.wait_for_rest()?;
    hub.stop()?;
    setrlimit(Resource::Nofile, descriptors)?;
    Ok(pss)
}

fn report(peer: &Works, postroom: &Works, comparison: &mut Comparison) {
    let works: [(&str, OfWorks, &str); 4] = [
        ("just after ten POP3 log-ins", |it| &it.after_log_ins, ""),
        (
            "10 s after ten POP3 log-ins",
            |it| &it.at_rest,
            "target: ≤ 8",
        ),
        (
            "100 SMTP sessions that have sent half of 1 MB each",
            |it| &it.receiving,
            "target: ≤ 32",
        ),
        (
            "1,000 sessions under TLS, `memory = \"67 MB\"`",
            |it| &it.under_tls,
            "target: ≤ 64",
        ),
    ];
    for (name, of, target) in works {
        let of_peer = of(peer);
        comparison.line(&Line {
            work: format!("memory, {name}, MiB (PSS)"),
            better: Better::Less,
            peer: (!of_peer.is_empty()).then(|| (PEER, of_peer.to_vec())),
            postroom: of(postroom).to_vec(),
            limit: target.to_string(),
        });
    }
}
