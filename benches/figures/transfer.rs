//! Export and import, beside a copy of the same files: `cp -a` and one sync.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::disk::MESSAGE_OCTETS;
use crate::office::Office;
use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

/// Messages a second of each work.
#[derive(Default)]
struct Rates {
    copied: Vec<f64>,
    imported: Vec<f64>,
    known: Vec<f64>,
    imported_mbox: Vec<f64>,
    exported: Vec<f64>,
    there: Vec<f64>,
    exported_mbox: Vec<f64>,
}

/// A running hub; each work with a mailbox of its own.
pub fn measure(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    let office = Office::make(folder)?;
    let hub = office.start()?;
    let old = maildir(folder, plan.source_messages)?;
    let mut rates = Rates::default();
    for work in 1..=plan.works {
        let rate = |arguments: &[&str]| -> Outcome<f64> {
            crate::interruption::check()?;
            let began = Instant::now();
            office.run(arguments)?;
            Ok(plan.source_messages as f64 / began.elapsed().as_secs_f64())
        };
        let file = |name: &str| folder.join(format!("{name}{work}")).display().to_string();
        let (user, other) = (format!("user{work}"), format!("empty{work}"));
        let (copy, out, mbox) = (file("copy"), file("out"), file("mbox"));
        rates.copied.push(copy_rate(&old, &copy, plan)?);
        let import = ["import", &user, &old.display().to_string()];
        rates.imported.push(rate(&import)?);
        rates.known.push(rate(&import)?);
        let export = ["export", &user, "--maildir", &out];
        rates.exported.push(rate(&export)?);
        rates.there.push(rate(&export)?);
        rates
            .exported_mbox
            .push(rate(&["export", &user, "--mbox", &mbox])?);
        rates.imported_mbox.push(rate(&["import", &other, &mbox])?);
    }
    hub.stop()?;
    rates.report(table);
    Ok(())
}

/// Messages of 4 KB, no two alike.
fn maildir(folder: &Path, messages: usize) -> Outcome<PathBuf> {
    let root = folder.join("old");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(root.join(part))?;
    }
    for number in 0..messages {
        let mut content = format!(
            "From: friend@elsewhere.example\nTo: us@example.com\nSubject: One of many\n\
             Message-ID: <{number}@elsewhere.example>\n\n"
        );
        while content.len() < MESSAGE_OCTETS {
            content.push_str("A line of a message that is neither long nor short.\n");
        }
        let name = format!("{}.M{number}.pc:2,S", 1_700_000_000 + number);
        fs::write(root.join("cur").join(name), content)?;
    }
    Ok(root)
}

fn copy_rate(from: &Path, to: &str, plan: &Plan) -> Outcome<f64> {
    let began = Instant::now();
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    let synced = Command::new("sync").args(["-f", to]).status()?;
    match copied.success() && synced.success() {
        true => Ok(plan.source_messages as f64 / began.elapsed().as_secs_f64()),
        false => Err("cp or sync failed".into()),
    }
}

impl Rates {
    fn report(&self, table: &mut Table) {
        table.part("export and import, messages of 4 KB, a running hub");
        table.figure(
            "cp -a of a Maildir, and sync",
            "messages/s",
            &self.copied,
            "",
        );
        let mut beside_copy = |name: &str, rates: &[f64]| {
            let beside = ratio(rates, &self.copied, "cp -a");
            table.figure(name, "messages/s", rates, &beside);
        };
        beside_copy("import of that Maildir", &self.imported);
        beside_copy("    again: all is known", &self.known);
        beside_copy("import of an mbox file", &self.imported_mbox);
        beside_copy("export into a Maildir", &self.exported);
        beside_copy("    again: all is there", &self.there);
        beside_copy("export into an mbox file", &self.exported_mbox);
    }
}
