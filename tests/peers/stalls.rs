//! Peers that fall silent at every point of every dialogue, all of them at once.

use std::thread;

use crate::dialogue::dialogues;
use crate::hub::{Hub, Office};
use crate::mail::{collect, send};
use crate::peer::{Script, Stalled, stall};

/// Of each protocol; one address of the LAN may have 200 connections.
const STALLED: usize = 90;

/// Spread over all that the dialogues' clients write, handshakes as well.
fn stalled(hub: &Hub, listener: &str) -> Vec<Stalled> {
    let scripts: Vec<Script> = dialogues(listener).iter().map(Script::of).collect();
    let octets = scripts.iter().map(Script::octets).sum::<usize>();
    let mut places: Vec<(&Script, usize)> = Vec::new();
    let mut begin = 0;
    for script in &scripts {
        let end = begin + script.octets();
        let first = begin.next_multiple_of(octets / STALLED);
        let here = (first..end).step_by(octets / STALLED);
        places.extend(here.map(|at| (script, at - begin)));
        begin = end;
    }
    thread::scope(|scope| {
        let mut all = Vec::new();
        for (script, at) in places {
            let listener = match script.implicit_tls {
                true => format!("{listener}s"),
                false => listener.to_string(),
            };
            let address = hub.address(&listener);
            all.push(scope.spawn(move || stall(address, script, at)));
        }
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn sessions_stalled_everywhere_keep_nobody_from_his_mail() {
    let office = Office::new();
    // The dialogues' client is anna, and may hold her maildrop.
    office.add_user("carol");
    let hub = office.serve();
    let smtp = stalled(&hub, "smtp");
    let pop3 = stalled(&hub, "pop3");
    assert!(
        smtp.len() + pop3.len() > 150,
        "{} {}",
        smtp.len(),
        pop3.len()
    );
    for round in 0..10 {
        send(&hub, &["carol@example.com"], &format!("round {round}"));
        assert_eq!(collect(&hub, "carol").len(), 1);
    }
    let held = office.status()["hub"]["sessions"].as_array().unwrap().len();
    println!("{held} sessions are stalled");
    assert!(held > 100, "{held}");
}
