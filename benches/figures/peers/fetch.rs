//! A provider's mailbox, fetched and split: beside fetchmail, which splits as
//! well, and beside mpop, which cannot, but sends commands ahead as the hub does.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::fetching::{MESSAGES, NO_DOVECOT, Scene, USERS, Works, time_client, write_for_client};
use crate::provider::{PASSWORD, give, unprivileged};
use crate::table::{amount, median};
use crate::{Outcome, Plan};

use super::comparison::{Better, Comparison, Line};
use super::rates::thousands;

/// Round trips in milliseconds, and of how many messages fetchmail's time is
/// taken: it needs about four of them for each.
const WAYS: [(u64, usize); 2] = [(50, 20), (0, 50)];

/// In an office of its own, below `folder`.
pub fn measure(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    let folder = folder.join("fetch");
    let Some(mut scene) = Scene::make(&folder)? else {
        comparison.missing("a provider's mailbox is fetched", NO_DOVECOT);
        return Ok(());
    };
    for (round_trip_ms, few) in WAYS {
        let way = scene.way(round_trip_ms)?;
        let (mut works, mut mpop) = (Works::default(), Vec::new());
        for _ in 0..plan.fetch_works {
            scene.work(way, few, &mut works)?;
            mpop.extend(time_mpop(&mut scene, &folder, way)?);
        }
        report(&works, mpop, (round_trip_ms, few), comparison);
    }
    Ok(())
}

fn report(works: &Works, mpop: Vec<f64>, way: (u64, usize), comparison: &mut Comparison) {
    let (round_trip_ms, few) = way;
    let work = format!(
        "fetch {} × 10 KB for {USERS} users, {round_trip_ms} ms round trip, s",
        thousands(MESSAGES)
    );
    let wire = median(&works.wire);
    let wanted = match round_trip_ms {
        50 => "target: ≤ 2.5 s; ",
        _ => "",
    };
    let mut line = |work: &str, peer: (&'static str, Vec<f64>), limit| {
        if peer.1.is_empty() {
            let why = format!("{} is not installed", peer.0);
            return comparison.missing(work, &why);
        }
        comparison.line(&Line {
            work: work.to_string(),
            better: Better::Less,
            peer: Some(peer),
            postroom: works.hub.clone(),
            limit,
        });
    };
    let limit = format!(
        "{wanted}the raw wire {} s; fetchmail reckoned from {few} messages",
        amount(wire)
    );
    line(&work, ("fetchmail", works.fetchmail.clone()), limit);
    let limit = "mpop puts all of them into one Maildir, unsplit".to_string();
    line("… beside mpop, s", ("mpop", mpop), limit);
}

/// Seconds for all messages; none where it is not installed.
fn time_mpop(scene: &mut Scene, folder: &Path, way: SocketAddr) -> Outcome<Option<f64>> {
    let account = scene.filled(MESSAGES)?;
    let home = tempfile::Builder::new().prefix("mpop-").tempdir()?;
    give(home.path())?;
    let mail = home.path().join("mail");
    for part in ["", "cur", "new", "tmp"] {
        fs::create_dir(mail.join(part))?;
        give(&mail.join(part))?;
    }
    let settings = home.path().join("mpoprc");
    let at_home = home.path().display();
    write_for_client(
        &settings,
        &format!(
            "account provider\nhost 127.0.0.1\nport {}\nuser {account}\npassword {PASSWORD}\n\
             auth user\ntls off\nkeep off\npipelining auto\nuidls_file {at_home}/uidls\n\
             delivery maildir {at_home}/mail\naccount default : provider\n",
            way.port()
        ),
    )?;
    let mut command = unprivileged("mpop");
    command.env("HOME", home.path()).arg("-C").arg(&settings);
    let Some(seconds) = time_client(command, &folder.join("mpop.log"))? else {
        return Ok(None);
    };
    scene.expect_empty(&account)?;
    let came = fs::read_dir(mail.join("new"))?.count();
    match came {
        MESSAGES => Ok(Some(seconds)),
        _ => Err(format!("mpop has {came} messages, not {MESSAGES}").into()),
    }
}
