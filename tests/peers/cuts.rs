//! Clients that break off at every point of every dialogue.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::dialogue::dialogues;
use crate::hub::{Hub, Office, at_once, eventually};
use crate::mail::{behind_trace, collect, log_in, send, waiting};
use crate::peer::{Leaving, Script, users_like_anna, visit};
use crate::process::resident;

/// Sessions beside each other; each has users of its own for POP3.
const WORKERS: usize = 12;
/// Users of one worker, in turn: the session before may still be ending.
const USERS_OF_WORKER: usize = 3;
/// Within a line every so-many-th octet is a place to leave at; around its ends
/// all of them are.
const EVERY: usize = 11;
/// The same under TLS, whose records are long.
const EVERY_UNDER_TLS: usize = 41;
/// What TLS 1.3 adds: two flights of a handshake, and the frame of each record.
const HANDSHAKE_OCTETS: usize = 700;
const RECORD_OCTETS: usize = 22;
/// What memory may grow by in thousands of sessions: a leak of a few KB in each
/// would be more.
const GROWTH_MAX: usize = 12_000_000;
/// In these a log-in is refused, and the answer to that is held back for seconds.
const ANSWERED_LATE: [&str; 8] = [
    "auth-login",
    "auth-plain",
    "login-in-use",
    "password-with-spaces",
    "pipelined-behind-a-refused-login",
    "too-many-logins",
    "user-pass",
    "utf8",
];
const LEAVINGS: [Leaving; 3] = [Leaving::Close, Leaving::Reset, Leaving::HalfClose];

/// One client that leaves.
struct Cut {
    script: Script,
    at: usize,
    leaving: Leaving,
}

/// Around the end of each line, and some octets within it.
fn places(script: &Script) -> Vec<usize> {
    let octets: Vec<u8> = script.writes.concat();
    if script.has_tls() {
        let all = script.octets() + HANDSHAKE_OCTETS + RECORD_OCTETS * script.writes.len();
        return (0..all).step_by(EVERY_UNDER_TLS).collect();
    }
    let ends = (0..octets.len()).filter(|&at| octets[at] == b'\n');
    let around = ends.flat_map(|at| [at - at.min(1), at, at + 1]);
    let within = (0..octets.len()).step_by(EVERY);
    let all: BTreeSet<usize> = around.chain(within).collect();
    // Lines that are long for their length's sake are cut in fewer places.
    let thin = all.len() / 200 + 1;
    all.into_iter().step_by(thin).collect()
}

/// Every place of every dialogue, each with one way to leave, and the ends of
/// the dialogues with all of them.
fn cuts(folder: &str, without: &[&str]) -> Vec<Cut> {
    let mut all = Vec::new();
    for dialogue in dialogues(folder) {
        if without.contains(&dialogue.name.as_str()) {
            continue;
        }
        let script = Script::of(&dialogue);
        for (number, at) in places(&script).into_iter().enumerate() {
            all.push(Cut {
                script: script.clone(),
                at,
                leaving: LEAVINGS[number % LEAVINGS.len()],
            });
        }
    }
    all
}

/// Has all of them come and leave, many at once; what each was told.
fn bear(
    hub: &Hub,
    listener: &str,
    cuts: Vec<Cut>,
    adapt: impl Fn(&mut Script, usize) + Sync,
) -> Vec<Vec<u8>> {
    let count = cuts.len();
    let cuts = Mutex::new(cuts.into_iter());
    let said = Mutex::new(Vec::new());
    let done = AtomicUsize::new(0);
    at_once(0..WORKERS, |worker| {
        let mut turn = 0;
        loop {
            let Some(mut cut) = cuts.lock().unwrap().next() else {
                return;
            };
            adapt(
                &mut cut.script,
                worker * USERS_OF_WORKER + turn % USERS_OF_WORKER,
            );
            turn += 1;
            let listener = match cut.script.implicit_tls {
                true => format!("{listener}s"),
                false => listener.to_string(),
            };
            let heard = visit(hub.address(&listener), &cut.script, cut.at, cut.leaving);
            said.lock().unwrap().push(heard);
            done.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(done.into_inner(), count);
    said.into_inner().unwrap()
}

fn no_session_remains(office: &Office) {
    eventually("all sessions are over", || {
        let status = office.status();
        status["hub"]["sessions"].as_array().unwrap().is_empty()
    });
}

fn assert_well(office: &Office, hub: &Hub) {
    send(hub, &["carol@example.com"], "all is well");
    assert_eq!(waiting(hub, "carol"), 1);
    let log = hub.log();
    assert!(!log.contains("internal error"), "{log}");
    assert_eq!(office.status()["hub"]["recent_errors"].to_string(), "[]");
}

/// Ids in replies that promise to keep a message.
fn acknowledged(said: &[Vec<u8>]) -> BTreeSet<String> {
    let lines = said.iter().flat_map(|said| {
        let text = String::from_utf8_lossy(said).into_owned();
        let ids = text
            .lines()
            .filter_map(|line| line.strip_prefix("250 2.0.0 kept as "))
            .map(|id| id.trim().to_string());
        ids.collect::<Vec<_>>()
    });
    lines.collect()
}

#[test]
fn smtp_cut_anywhere_keeps_whole_messages_and_all_that_it_acknowledged() {
    let office = Office::new();
    office.add_user("carol");
    office.good(&["alias", "set", "sales", "anna", "bob"]);
    office.good(&["alias", "set", "postmaster", "anna"]);
    let hub = office.serve();
    // What each dialogue leaves when nothing befalls it.
    for dialogue in dialogues("smtp") {
        visit_whole(&hub, &Script::of(&dialogue));
    }
    no_session_remains(&office);
    let contents = |messages: &[Vec<u8>]| -> BTreeSet<Vec<u8>> {
        let contents = messages.iter().map(|it| behind_trace(it).to_vec());
        contents.collect()
    };
    let whole = contents(&collect_all(&hub));
    assert!(whole.len() > 10, "{}", whole.len());
    let memory = resident(hub.pid());

    let said = bear(&hub, "smtp", cuts("smtp", &[]), |_, _| {});
    println!("{} SMTP sessions were cut", said.len());
    assert!(said.len() > 2_000);
    no_session_remains(&office);
    let kept = collect_all(&hub);
    for content in contents(&kept) {
        let shown = content.escape_ascii().to_string();
        assert!(whole.contains(&content), "a part of a message: {shown}");
    }
    let traces: Vec<String> = kept
        .iter()
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect();
    let promised = acknowledged(&said);
    assert!(promised.len() > 20, "{}", promised.len());
    for id in promised {
        let is_kept = traces.iter().any(|it| it.contains(&format!("\tid {id}")));
        assert!(is_kept, "{id} was acknowledged and is not there");
    }
    assert_well(&office, &hub);
    assert_grown_little(&hub, memory);
}

fn visit_whole(hub: &Hub, script: &Script) {
    let listener = if script.implicit_tls { "smtps" } else { "smtp" };
    visit(
        hub.address(listener),
        script,
        usize::MAX,
        Leaving::HalfClose,
    );
}

fn collect_all(hub: &Hub) -> Vec<Vec<u8>> {
    ["anna", "bob"].map(|user| collect(hub, user)).concat()
}

#[test]
fn pop3_cut_anywhere_removes_nothing_and_locks_nothing() {
    let office = Office::new();
    office.add_user("carol");
    let users = users_like_anna(&office, WORKERS * USERS_OF_WORKER);
    let hub = office.serve();
    let addresses: Vec<String> = users.iter().map(|it| format!("{it}@example.com")).collect();
    let recipients: Vec<&str> = addresses.iter().map(String::as_str).collect();
    for subject in ["one", "two", "three", "four"] {
        send(&hub, &recipients, subject);
    }
    assert_eq!(waiting_of(&hub, &users[0]), 4);
    let memory = resident(hub.pid());

    let mut cuts = cuts("pop3", &ANSWERED_LATE);
    cuts.retain(|cut| !removes(cut));
    let said = bear(&hub, "pop3", cuts, |script, user| {
        for write in &mut script.writes {
            let text = String::from_utf8_lossy(write).into_owned();
            if text.contains("USER anna") {
                let user = format!("USER {}", users[user]);
                *write = text.replace("USER anna", &user).into_bytes();
            }
        }
    });
    println!("{} POP3 sessions were cut", said.len());
    assert!(said.len() > 1_000);
    let logged_in = said
        .iter()
        .filter(|it| it.windows(14).any(|part| part == b"+OK 4 messages"))
        .count();
    println!("{logged_in} of them had logged in");
    assert!(logged_in > 300, "{logged_in}");
    no_session_remains(&office);
    for user in &users {
        assert_eq!(waiting_of(&hub, user), 4, "{user}");
    }
    assert_well(&office, &hub);
    assert_grown_little(&hub, memory);
}

/// The messages of a user, with anna's password. The maildrop must be free.
fn waiting_of(hub: &Hub, user: &str) -> usize {
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say(&format!("USER {user}"), "+OK*");
    let reply = pop3.say("PASS secret-anna", "+OK *");
    pop3.say("QUIT", "+OK*");
    reply.split(' ').nth(1).unwrap().parse().unwrap()
}

/// QUIT came whole, behind a DELE: that removes, and rightly.
fn removes(cut: &Cut) -> bool {
    let octets = cut.script.writes.concat();
    let text = String::from_utf8_lossy(&octets).to_uppercase();
    let quit = text.rfind("QUIT").map_or(usize::MAX, |at| at + 4);
    text.contains("DELE") && (cut.at > quit || cut.script.has_tls())
}

#[test]
fn quit_whose_answer_nobody_reads_removes_all_or_nothing() {
    let office = Office::new();
    let hub = office.serve();
    for round in 0..12 {
        let id = send(&hub, &["anna@example.com"], "first");
        send(&hub, &["anna@example.com"], "second");
        let mut pop3 = log_in(&hub, "anna");
        pop3.say("DELE 1", "+OK*");
        pop3.say("DELE 2", "+OK*");
        pop3.send(b"QUIT\r\n");
        match LEAVINGS[round % LEAVINGS.len()] {
            Leaving::Close => drop(pop3),
            Leaving::Reset => pop3.reset(),
            Leaving::HalfClose => pop3.half_close(),
        }
        no_session_remains(&office);
        let left = waiting(&hub, "anna");
        let is_collected = hub.log().contains(&format!("collected {id}"));
        assert_eq!(left, if is_collected { 0 } else { 2 }, "round {round}");
        assert_eq!(collect(&hub, "anna").len(), left);
    }
}

/// A message large enough for a file, cut within it.
#[test]
fn cut_within_a_large_message_leaves_no_file() {
    let office = Office::new();
    office.add_user("carol");
    let hub = office.serve();
    let line = b"a line of a large message\r\n";
    let head = b"EHLO pc\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.com>\r\n";
    let data = Script {
        writes: vec![head.to_vec(), b"DATA\r\n".to_vec(), line.repeat(20_000)],
        implicit_tls: false,
    };
    let chunk = format!("BDAT {} LAST\r\n", line.len() * 20_000);
    let bdat = Script {
        writes: vec![head.to_vec(), chunk.into_bytes(), line.repeat(20_000)],
        implicit_tls: false,
    };
    let cuts = [data, bdat].into_iter().flat_map(|script| {
        let places = (0..script.octets() - 1).step_by(20_011);
        let cut = move |(number, at)| Cut {
            script: script.clone(),
            at,
            leaving: LEAVINGS[number % LEAVINGS.len()],
        };
        places.enumerate().map(cut).collect::<Vec<_>>()
    });
    let said = bear(&hub, "smtp", cuts.collect(), |_, _| {});
    assert!(said.len() > 50);
    no_session_remains(&office);
    assert_eq!(waiting(&hub, "anna"), 0);
    let bodies = || {
        std::fs::read_dir(office.path("data/bodies"))
            .unwrap()
            .count()
    };
    eventually("no file remains", || bodies() == 0);
    assert_well(&office, &hub);
}

fn assert_grown_little(hub: &Hub, before: usize) {
    let now = resident(hub.pid());
    println!("resident: {before} octets before, {now} after");
    assert!(now < before + GROWTH_MAX, "{before} before, {now} after");
}
