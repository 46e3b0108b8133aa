//! Mail comes in: [`postroom::smtp::Session`].

use std::sync::Arc;
use std::time::Instant;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use postroom::smtp::{Limits, Refusal, Session, Settings, Step, Trust};

const COMMANDS: &[u8] = b"EHLO elsewhere.example\r\n\
    MAIL FROM:<friend@elsewhere.example>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\n";

fn session() -> Session {
    let settings = Settings {
        hostname: "post.example.com".to_string(),
        max_message_size: 50_000_000,
        max_recipients: 1000,
        starttls: true,
    };
    let trust = Trust::Lan;
    Session::new(
        Arc::new(settings),
        Limits::of(trust),
        trust,
        None,
        Instant::now(),
    )
}

/// Answers every question, and returns how many octets of content came through.
fn drive(session: &mut Session, now: Instant) -> usize {
    let mut octets = 0;
    loop {
        match session.next(now) {
            Step::NeedInput { .. } | Step::Close(_) => return octets,
            Step::SenderNamed { .. } => session.accept_sender(),
            Step::RecipientNamed(_) => session.accept_recipient(),
            Step::ContentRequested => session.accept_content(),
            Step::Content(content) => octets += black_box(content).len(),
            // A receipt comes from a store alone.
            Step::ContentComplete => session.refused(Refusal::store_failed()),
            Step::Send(octets) => {
                black_box(octets);
            }
            Step::StartTls | Step::ContentDiscarded(_) => {}
        }
    }
}

/// Of this many octets, in lines such as attachments have.
fn content(octets: usize) -> Vec<u8> {
    let line = b"QSBsaW5lIG9mIGFuIGF0dGFjaG1lbnQsIGFzIGJhc2U2NCB3cml0ZXMgaXQsIDc2IG9jdGV0cy4=\r\n";
    let mut content = b"Subject: A figure\r\n\r\n".to_vec();
    while content.len() < octets {
        content.extend_from_slice(line);
    }
    content.extend_from_slice(b".\r\n");
    content
}

/// From the greeting to the reply to its content, with all reads of 32 KiB.
#[divan::bench(args = [4_096, 51_200, 1_048_576])]
fn a_message_by_data(bencher: Bencher, octets: usize) {
    let (content, now) = (content(octets), Instant::now());
    bencher
        .counter(BytesCount::new(content.len()))
        .with_inputs(session)
        .bench_local_values(|mut session| {
            drive(&mut session, now);
            session.receive(COMMANDS);
            drive(&mut session, now);
            let mut came = 0;
            for piece in content.chunks(32 << 10) {
                session.receive(piece);
                came += drive(&mut session, now);
            }
            came
        });
}
