//! PCs that collect by POP3: some say QUIT, some break off, some leave mail where
//! it is. Each reads before it removes.

use std::thread;
use std::time::Duration;

use crate::office::Tortured;
use crate::random::Random;
use crate::round::Work;
use crate::wire::{Gone, Wire};

/// Most that one session reads.
const MESSAGES_MAX: usize = 12;

/// Collects one user's mail until the work is over.
pub fn run(office: &Tortured, work: &Work, user: &str, mut random: Random) {
    while !work.is_over() {
        // The hub has gone, or goes.
        let _ = session(office, work, user, &mut random);
        thread::sleep(Duration::from_millis(random.below(15)));
    }
}

fn session(office: &Tortured, work: &Work, user: &str, random: &mut Random) -> Result<(), Gone> {
    let mut wire = Wire::connect(work.pop3, work)?;
    wire.line()?;
    say(&mut wire, &format!("USER {user}"))?;
    let password = format!("PASS secret-{user}");
    if !say(&mut wire, &password)?.starts_with("+OK") {
        // The session before is not over yet.
        return Ok(());
    }
    say(&mut wire, "UIDL")?;
    let listing = String::from_utf8(wire.multi_line()?).unwrap();
    let unique_ids: Vec<&str> = listing
        .lines()
        .filter_map(|it| it.split(' ').nth(1))
        .collect();
    let leaves = random.percent(20);
    // The newest first, at times: what is old is then still there later.
    let from = random.below(1 + unique_ids.len() as u64 / 2) as usize;
    let mut deleted = Vec::new();
    for (at, unique_id) in unique_ids.iter().enumerate().skip(from).take(MESSAGES_MAX) {
        let number = at + 1;
        if !say(&mut wire, &format!("RETR {number}"))?.starts_with("+OK") {
            office.ledger().not_read(user, unique_id);
            continue;
        }
        let content = wire.multi_line()?;
        office.ledger().read(user, unique_id, &content);
        if !leaves && random.percent(75) {
            say(&mut wire, &format!("DELE {number}"))?;
            deleted.push(unique_id.to_string());
        }
        if random.percent(3) {
            say(&mut wire, "RSET")?;
            deleted.clear();
        }
    }
    if random.percent(20) {
        return Ok(());
    }
    let number = office.ledger().quit(user, deleted);
    if say(&mut wire, "QUIT")?.starts_with("+OK") {
        office.ledger().quit_answered(number);
    }
    Ok(())
}

fn say(wire: &mut Wire<'_>, command: &str) -> Result<String, Gone> {
    wire.send(format!("{command}\r\n"))?;
    wire.line()
}
