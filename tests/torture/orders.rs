//! What people order beside the mail's way: polls, restores, and what becomes of
//! unclaimed mail.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postroom::control::{Answer, Request, ask_running};
use postroom::mail::QueueId;

use crate::ledger::{Command, Message, TRAY};
use crate::office::{ADDRESSES, FETCHED_OCTETS_MAX, Tortured, USERS};
use crate::random::Random;
use crate::round::Work;

/// Mail comes to the providers, and is fetched, until the work is over.
pub fn fetch(office: &Tortured, work: &Work, mut random: Random) {
    while !work.is_over() {
        provide(office, work, &mut random);
        // Ends with the hub, without an answer.
        let _ = ask_running(Request::Fetch { account: None }, &office.data());
        thread::sleep(Duration::from_millis(random.below(10)));
    }
}

/// One poll of each account, which must succeed.
pub fn fetch_all(office: &Tortured) -> Result<(), String> {
    match ask_running(Request::Fetch { account: None }, &office.data()) {
        Some(Ok(Answer::Fetched { accounts })) if accounts.iter().all(|it| it.done) => Ok(()),
        other => Err(format!("a poll that nothing disturbs: {other:?}")),
    }
}

/// Some letters for each account.
pub fn provide(office: &Tortured, work: &Work, random: &mut Random) {
    for account in 0..office.providers.len() {
        for _ in 0..random.below(4) {
            let (address, mailboxes) = random.pick(&ADDRESSES);
            let is_mail_for_postmaster = *address == "postmaster";
            if work.provides_too_large && account == 0 && mailboxes.len() == 1 {
                // A notice about nobody's mail goes to the postmaster.
                let told = if mailboxes == &[TRAY] {
                    &["anna"][..]
                } else {
                    *mailboxes
                };
                office.provide(account, address, told, FETCHED_OCTETS_MAX + 10_000);
            } else if !is_mail_for_postmaster {
                let large = random.percent(if work.sends_large { 50 } else { 8 });
                let size = if large {
                    140_000 + random.below(80_000)
                } else {
                    random.below(9000)
                };
                office.provide(account, address, mailboxes, size as usize);
            }
        }
    }
}

/// Orders until the work is over.
pub fn order(office: &Tortured, work: &Work, mut random: Random) {
    while !work.is_over() {
        if let Some(command) = choose(office, &mut random) {
            let number = office.ledger().command(command.clone());
            if let Some(number) = number {
                let answer = ask_running(request(&command), &office.data());
                if let Some(Ok(Answer::Done { .. })) = answer {
                    office.ledger().command_answered(number);
                }
            }
        }
        thread::sleep(Duration::from_millis(random.below(20)));
    }
}

/// Something that can be done, by the last account.
pub fn choose(office: &Tortured, random: &mut Random) -> Option<Command> {
    let ledger = office.ledger();
    let unclaimed = ledger.waiting_in(TRAY);
    let user = random.pick(&USERS).to_string();
    let one_of =
        |random: &mut Random, from: &[Message]| (!from.is_empty()).then(|| *random.pick(from));
    match random.below(6) {
        0 | 1 => Some(Command::Restore { user }),
        2 | 3 => {
            let message = one_of(random, &unclaimed)?;
            // Who had it already would have it twice.
            (!ledger.has_had(&user, message)).then_some(Command::Give { message, user })
        }
        4 => {
            let message = one_of(random, &unclaimed)?;
            Some(Command::Erase { message })
        }
        _ => {
            let message = one_of(random, &ledger.waiting_in(&user))?;
            Some(Command::Erase { message })
        }
    }
}

fn request(command: &Command) -> Request {
    match command.clone() {
        Command::Restore { user } => Request::MailRestore { user, since: 0 },
        Command::Give { message, user } => Request::UnclaimedGive {
            id: id(message),
            user,
        },
        Command::Erase { message } => Request::MailErase { id: id(message) },
    }
}

/// The same as a person types it.
pub fn arguments(command: &Command) -> Vec<String> {
    let words = match command {
        Command::Restore { user } => vec!["mail", "restore", user, "--since", "1 day"],
        Command::Give { message, user } => {
            return ["unclaimed", "give", &id(*message), user]
                .map(str::to_string)
                .into();
        }
        Command::Erase { message } => {
            return ["mail", "erase", "--yes", &id(*message)]
                .map(str::to_string)
                .into();
        }
    };
    words.into_iter().map(str::to_string).collect()
}

fn id(message: Message) -> String {
    QueueId::from_u64(message as u64).to_string()
}

/// The clock of the machine, for seeds.
pub fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as u64
}
