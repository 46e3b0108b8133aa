//! People who send mail by SMTP, with all that the protocol lets them do.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use postroom::mail::QueueId;

use crate::ledger::{Message, Way};
use crate::letters::{self, Token};
use crate::office::{ADDRESSES, Tortured};
use crate::random::Random;
use crate::round::Work;
use crate::wire::{Gone, Wire};

/// Larger ones lie in files of their own.
const INLINE_OCTETS: u64 = 128 * 1024;
const OCTETS_MAX: u64 = 400_000;

/// A letter on its way.
struct Sending {
    token: Token,
    octets: Vec<u8>,
    recipients: Vec<String>,
}

/// Sends until the work is over.
pub fn run(office: &Tortured, work: &Work, mut random: Random) {
    while !work.is_over() {
        // The hub has gone, or goes.
        let _ = session(office, work, &mut random);
        thread::sleep(Duration::from_millis(random.below(8)));
    }
}

fn session(office: &Tortured, work: &Work, random: &mut Random) -> Result<(), Gone> {
    let mut wire = Wire::connect(work.smtp, work)?;
    wire.reply()?;
    wire.say("EHLO pc.example")?;
    for _ in 0..=random.below(4) {
        match random.below(4) {
            0 => by_data(office, &mut wire, &letter(office, work, random))?,
            1 => {
                let letters: Vec<_> = (0..3).map(|_| letter(office, work, random)).collect();
                pipelined(office, &mut wire, &letters)?;
            }
            _ => by_bdat(office, &mut wire, &letter(office, work, random), random)?,
        }
        if !work.floods {
            thread::sleep(Duration::from_millis(random.below(10)));
        }
        if work.is_over() {
            return Ok(());
        }
    }
    if random.percent(70) {
        wire.say("QUIT")?;
    }
    Ok(())
}

/// A new one, or one whose 250 was not seen.
fn letter(office: &Tortured, work: &Work, random: &mut Random) -> Sending {
    let mut ledger = office.ledger();
    if random.percent(15)
        && let Some((token, size, recipients)) = ledger.unanswered()
    {
        ledger.attempt(token);
        let octets = letters::write(token, size, "");
        return Sending {
            token,
            octets,
            recipients,
        };
    }
    let (mut recipients, mut mailboxes) = (Vec::new(), BTreeSet::new());
    for _ in 0..=random.below(5) / 2 {
        let (address, leads_to) = random.pick(&ADDRESSES);
        recipients.push(format!("{address}@example.com"));
        mailboxes.extend(leads_to.iter().map(|it| it.to_string()));
    }
    let large = random.percent(if work.sends_large { 80 } else { 6 });
    let size = match large {
        _ if work.floods => INLINE_OCTETS - 8 * 1024,
        true => INLINE_OCTETS + random.below(OCTETS_MAX - INLINE_OCTETS),
        false => 500 + random.below(6) * random.below(3000),
    };
    let way = Way::Sent {
        recipients: recipients.clone(),
        attempts: 1,
        acknowledged: Vec::new(),
    };
    let (token, octets) = ledger.letter(size as usize, "", mailboxes, way);
    Sending {
        token,
        octets,
        recipients,
    }
}

fn envelope(wire: &mut Wire<'_>, letter: &Sending) -> Result<(), Gone> {
    accepted(wire.say("MAIL FROM:<kate@elsewhere.example>")?)?;
    for recipient in &letter.recipients {
        accepted(wire.say(&format!("RCPT TO:<{recipient}>"))?)?;
    }
    Ok(())
}

/// A hub that stops says so at any command: then the session is over.
fn accepted(reply: String) -> Result<(), Gone> {
    match reply.starts_with('4') {
        true => Err(Gone),
        false => Ok(()),
    }
}

fn by_data(office: &Tortured, wire: &mut Wire<'_>, letter: &Sending) -> Result<(), Gone> {
    envelope(wire, letter)?;
    accepted(wire.say("DATA")?)?;
    wire.send(letters::stuffed(&letter.octets))?;
    let reply = wire.say(".")?;
    note(office, letter, &reply);
    Ok(())
}

fn by_bdat(
    office: &Tortured,
    wire: &mut Wire<'_>,
    letter: &Sending,
    random: &mut Random,
) -> Result<(), Gone> {
    envelope(wire, letter)?;
    let (first, last) = letter
        .octets
        .split_at(random.below(letter.octets.len() as u64) as usize);
    if random.percent(50) {
        wire.send(format!("BDAT {}\r\n", first.len()))?;
        wire.send(first)?;
        accepted(wire.reply()?)?;
        wire.send(format!("BDAT {} LAST\r\n", last.len()))?;
        wire.send(last)?;
    } else {
        wire.send(format!("BDAT {} LAST\r\n", letter.octets.len()))?;
        wire.send(&letter.octets)?;
    }
    let reply = wire.reply()?;
    note(office, letter, &reply);
    Ok(())
}

/// Several transactions without a look at any reply before the end.
fn pipelined(office: &Tortured, wire: &mut Wire<'_>, letters: &[Sending]) -> Result<(), Gone> {
    let mut all = Vec::new();
    for letter in letters {
        all.extend_from_slice(b"MAIL FROM:<kate@elsewhere.example>\r\n");
        for recipient in &letter.recipients {
            all.extend_from_slice(format!("RCPT TO:<{recipient}>\r\n").as_bytes());
        }
        all.extend_from_slice(format!("BDAT {} LAST\r\n", letter.octets.len()).as_bytes());
        all.extend_from_slice(&letter.octets);
    }
    wire.send(all)?;
    for letter in letters {
        for _ in 0..=letter.recipients.len() {
            accepted(wire.reply()?)?;
        }
        let reply = wire.reply()?;
        note(office, letter, &reply);
    }
    Ok(())
}

/// A hub that stops may refuse; but it may not accept without a place to keep it.
fn note(office: &Tortured, letter: &Sending, reply: &str) {
    let mut ledger = office.ledger();
    match reply.strip_prefix("250 2.0.0 kept as ") {
        Some(rest) => {
            let id: QueueId = rest.split_whitespace().next().unwrap().parse().unwrap();
            ledger.acknowledged(letter.token, id.as_u64() as Message);
        }
        None if reply.starts_with("4") => {}
        None => ledger.violation(format!("letter {} was answered {reply}", letter.token)),
    }
}
