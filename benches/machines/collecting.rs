//! PCs poll and collect: [`postroom::pop3::Session`].

use std::time::Instant;

use divan::{Bencher, black_box};
use postroom::pop3::{Limits, PlaintextLogin, ScanListing, Security, Session, Settings, Step};

const POLL: &[u8] = b"USER anna\r\nPASS secret\r\nSTAT\r\nQUIT\r\n";

fn session() -> Session {
    let settings = Settings {
        hostname: "post.example.com".to_string(),
        limits: Limits::default(),
        security: Security::Clear,
        plaintext_login: PlaintextLogin::Allowed,
    };
    Session::new(settings, Instant::now())
}

fn listing(messages: usize) -> ScanListing {
    let mut listing = ScanListing::with_capacity(messages);
    for number in 0..messages {
        let unique_id = format!("{number:026}");
        listing
            .push(5_000, &unique_id)
            .unwrap_or_else(|why| panic!("{why:?}"));
    }
    listing
}

/// A maildrop: its listing until that is asked for, and each message's content.
struct Maildrop {
    messages: u64,
    listing: Option<ScanListing>,
    content: Vec<u8>,
}

impl Maildrop {
    fn of(messages: usize, content: &[u8]) -> Maildrop {
        Maildrop {
            messages: messages as u64,
            listing: Some(listing(messages)),
            content: content.to_vec(),
        }
    }
}

/// Answers every question about the maildrop, and returns how many octets went out.
fn drive(session: &mut Session, maildrop: &mut Maildrop, now: Instant) -> usize {
    let (mut sent, mut is_read) = (0, false);
    loop {
        match session.next(now) {
            Step::NeedInput { .. } | Step::Close(_) => return sent,
            Step::Send(octets) => sent += black_box(octets).len(),
            Step::LoginRequested(_) => session.maildrop_opened(maildrop.messages, 5_000),
            Step::ListingRequested => match maildrop.listing.take() {
                Some(listing) => session.listing(listing),
                None => session.listing_failed(),
            },
            Step::MessageRequested { .. } => {
                is_read = false;
                session.message_opened();
            }
            Step::ContentWanted if is_read => session.content_complete(),
            Step::ContentWanted => {
                is_read = true;
                session.content(&maildrop.content);
            }
            Step::UpdateRequested(_) => session.updated(),
            Step::StartTls | Step::ContentEnough => {}
        }
    }
}

fn all_of(bencher: Bencher, commands: &[u8], messages: usize, content: &[u8]) {
    let now = Instant::now();
    bencher
        .with_inputs(|| (session(), Maildrop::of(messages, content)))
        .bench_local_values(|(mut session, mut maildrop)| {
            drive(&mut session, &mut maildrop, now);
            session.receive(commands);
            drive(&mut session, &mut maildrop, now)
        });
}

#[divan::bench]
fn a_poll(bencher: Bencher) {
    all_of(bencher, POLL, 10, b"");
}

/// Log-in, LIST, UIDL.
#[divan::bench(args = [1_000, 20_000])]
fn a_listing(bencher: Bencher, messages: usize) {
    let commands = b"USER anna\r\nPASS secret\r\nLIST\r\nUIDL\r\nQUIT\r\n";
    all_of(bencher, commands, messages, b"");
}

#[divan::bench(args = [4_096, 51_200])]
fn a_message_by_retr(bencher: Bencher, octets: usize) {
    let line = b"QSBsaW5lIG9mIGFuIGF0dGFjaG1lbnQsIGFzIGJhc2U2NCB3cml0ZXMgaXQsIDc2IG9jdGV0cy4=\r\n";
    let content: Vec<u8> = line.iter().copied().cycle().take(octets).collect();
    let commands = b"USER anna\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n";
    all_of(bencher, commands, 1, &content);
}
