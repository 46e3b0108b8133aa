//! Fills a store through its own door, quickly: many deliver at once, so that
//! they share commits.

use std::cell::RefCell;
use std::time::SystemTime;

use postroom::store::{MailboxName, Moment, NewEntry, NewMessage, Settings, Store};
use smol::LocalExecutor;

use crate::Outcome;
use crate::office::Office;

/// The user with the largest mailbox, and what is in it.
pub const LARGEST: (&str, usize) = ("user1", 20_000);
/// A user with a usual mailbox, and what is in it.
pub const USUAL: (&str, usize) = ("user11", 1_000);
/// In the mailboxes of user2 to user10.
const LARGE: usize = 8_000;
/// Messages in all; what the others do not have is shared by user12 to user20.
const MESSAGES: usize = 100_000;
/// Messages that are on their way at once: twice as many as the store commits
/// together, so that a whole batch waits whenever it has committed one.
const AT_ONCE: usize = 512;

/// A small message, as most are.
pub const SMALL: &[u8] = b"From: friend@elsewhere.example\r\nTo: us@example.com\r\n\
    Subject: One of many\r\nMessage-ID: <1@elsewhere.example>\r\n\r\n\
    A small message, as most are.\r\n";

/// Puts 100,000 messages into the office's store; no hub may run.
pub fn fill(office: &Office) -> Outcome<()> {
    fill_each(office, SMALL, recipients())
}

/// Puts a message with this content into the mailbox of each that is named, as
/// often as it is; no hub may run.
pub fn fill_each(
    office: &Office,
    content: &[u8],
    users: impl IntoIterator<Item = String>,
) -> Outcome<()> {
    let store = Store::open(&Settings::new(office.data_dir()), Moment::now())?;
    let users = RefCell::new(users.into_iter());
    let next = || users.borrow_mut().next();
    let tasks = LocalExecutor::new();
    let done = smol::block_on(tasks.run(async {
        let deliverers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                tasks.spawn(async {
                    while let Some(user) = next() {
                        crate::interruption::check()?;
                        put(&store, content, user).await?;
                    }
                    Outcome::Ok(())
                })
            })
            .collect();
        for deliverer in deliverers {
            deliverer.await?;
        }
        Outcome::Ok(())
    }));
    drop(tasks);
    store.close();
    done
}

async fn put(store: &Store, content: &[u8], user: String) -> Outcome<()> {
    let now = SystemTime::now();
    let mut body = store.new_body();
    body.write(content).await?;
    let why = format!("user {user}");
    let message = NewMessage {
        id: store.next_id(now),
        received_at: now,
        source: "smtp".to_string(),
        reverse_path: "<friend@elsewhere.example>".to_string(),
        body: body.finish().await?,
        entries: vec![NewEntry {
            mailbox: MailboxName::User(user),
            trace: b"Return-Path: <friend@elsewhere.example>\r\n".to_vec(),
            why,
        }],
    };
    store.deliver(message).await?;
    Ok(())
}

/// One name for each message, mixed as mail is: the mailboxes do not lie one
/// after the other in the file.
fn recipients() -> Vec<String> {
    let (largest, usual) = (LARGEST.1, USUAL.1);
    let rest = (MESSAGES - largest - 9 * LARGE - usual) / 9;
    let count = |number: usize| match number {
        1 => largest,
        2..=10 => LARGE,
        11 => usual,
        _ => rest,
    };
    let mut left: Vec<(String, usize)> = (1..=20)
        .map(|number| (format!("user{number}"), count(number)))
        .collect();
    // What the division leaves over.
    let missing = MESSAGES - left.iter().map(|(_, count)| count).sum::<usize>();
    left.last_mut()
        .into_iter()
        .for_each(|(_, count)| *count += missing);
    let mut users = Vec::with_capacity(MESSAGES);
    while !left.is_empty() {
        for (user, count) in &mut left {
            users.push(user.clone());
            *count -= 1;
        }
        left.retain(|(_, count)| *count > 0);
    }
    users
}
