//! PCs poll and collect: [`postroom::pop3::Session`].

use std::time::Instant;

use divan::counter::BytesCount;
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

/// Answers every question about a maildrop of so many messages, each of them
/// `content`, and returns how many octets went out.
fn drive(session: &mut Session, messages: usize, content: &[u8], now: Instant) -> usize {
    let (mut sent, mut is_read) = (0, false);
    loop {
        match session.next(now) {
            Step::NeedInput { .. } | Step::Close(_) => return sent,
            Step::Send(octets) => sent += black_box(octets).len(),
            Step::LoginRequested(_) => session.maildrop_opened(messages as u64, 5_000),
            Step::ListingRequested => session.listing(listing(messages)),
            Step::MessageRequested { .. } => {
                is_read = false;
                session.message_opened();
            }
            Step::ContentWanted if is_read => session.content_complete(),
            Step::ContentWanted => {
                is_read = true;
                session.content(content);
            }
            Step::UpdateRequested(_) => session.updated(),
            Step::StartTls | Step::ContentEnough => {}
        }
    }
}

fn all_of(commands: &[u8], messages: usize, content: &[u8], now: Instant) -> usize {
    let mut session = session();
    drive(&mut session, messages, content, now);
    session.receive(commands);
    drive(&mut session, messages, content, now)
}

#[divan::bench]
fn a_poll(bencher: Bencher) {
    let now = Instant::now();
    bencher.bench_local(|| all_of(POLL, 10, b"", now));
}

/// Log-in, LIST, UIDL.
#[divan::bench(args = [1_000, 20_000])]
fn a_listing(bencher: Bencher, messages: usize) {
    let now = Instant::now();
    let commands = b"USER anna\r\nPASS secret\r\nLIST\r\nUIDL\r\nQUIT\r\n";
    bencher.bench_local(|| all_of(commands, messages, b"", now));
}

#[divan::bench(args = [4_096, 51_200])]
fn a_message_by_retr(bencher: Bencher, octets: usize) {
    let line = b"QSBsaW5lIG9mIGFuIGF0dGFjaG1lbnQsIGFzIGJhc2U2NCB3cml0ZXMgaXQsIDc2IG9jdGV0cy4=\r\n";
    let content: Vec<u8> = line.iter().copied().cycle().take(octets).collect();
    let now = Instant::now();
    let commands = b"USER anna\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n";
    bencher
        .counter(BytesCount::new(octets))
        .bench_local(|| all_of(commands, 1, &content, now));
}
