//! Floods of connections, and connections that never say anything: the office
//! is served meanwhile.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{LAN, begin_data, most_memory, office, smtp_from};
use crate::hub::eventually;
use crate::mail::{log_in, waiting};
use crate::talk::Talk;

const CONNECTIONS: usize = 5_000;
/// Fewer than [`CONNECTIONS`] would not do: some networks hold a whole /24.
const ADDRESSES: usize = 250;
/// What a connection may cost (`net::limits::SESSION_OCTETS`), and the room of
/// what is not a session.
const GROWTH_MAX: u64 = 1000 * 40 * 1024 + 16_000_000;

/// This program and the hubs that it starts may open as many files as the
/// system allows.
fn open_many_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(10_000, |maximum| maximum.min(10_000));
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    most as usize
}

fn stranger(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, (number % ADDRESSES) as u8)
}

#[test]
fn five_thousand_strangers_at_once() {
    let files = open_many_files();
    let connections = CONNECTIONS.min(files.saturating_sub(200));
    let office = office();
    let hub = office.serve();
    let before = most_memory(&hub);
    let served = serve_meanwhile(&hub, || {
        let smtp = hub.address("smtp");
        let mut strangers: Vec<Talk> = (0..connections)
            .map(|number| Talk::connect_from(smtp, stranger(number)))
            .collect();
        let mut greeted = 0;
        strangers.retain_mut(|stranger| {
            let greeting = stranger.line().unwrap();
            greeted += usize::from(greeting.starts_with("220 "));
            assert!(
                greeting.starts_with("220 ") || greeting.starts_with("421 "),
                "{greeting}"
            );
            greeting.starts_with("220 ")
        });
        // Three quarters of what there is, or 20 from each address.
        assert!((1..=750).contains(&greeted), "{greeted}");
        // They stay, and say less than a command each.
        strangers
            .iter_mut()
            .for_each(|stranger| stranger.send(b"NO"));
        let in_all = office.status()["hub"]["sessions"].as_array().unwrap().len();
        assert!(in_all >= greeted, "{in_all} of {greeted}");
        send_as_a_pc(&hub);
        println!("{connections} connections: {greeted} greeted");
    });
    let grown = most_memory(&hub) - before;
    println!("{served} messages meanwhile; the hub grew by {grown} octets");
    assert!(grown < GROWTH_MAX, "{grown}");
    eventually("all have gone", || {
        let status = office.status();
        status["hub"]["sessions"].as_array().unwrap().is_empty()
    });
    let turned_away = hub.log().matches("turned away").count();
    assert!((1..=20).contains(&turned_away), "{turned_away} lines");
    assert_eq!(waiting(&hub, "anna"), served + 1);
}

/// A PC sends and collects while this runs; how many messages it sent.
fn serve_meanwhile(hub: &crate::hub::Hub, this: impl FnOnce()) -> usize {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let pc = scope.spawn(|| {
            let mut sent = 0;
            while !over.load(Ordering::SeqCst) {
                send_as_a_pc(hub);
                log_in(hub, "bob").say("QUIT", "+OK*");
                sent += 1;
            }
            sent
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(this));
        over.store(true, Ordering::SeqCst);
        let sent = pc.join().unwrap();
        ended.unwrap();
        sent
    })
}

fn send_as_a_pc(hub: &crate::hub::Hub) {
    let mut smtp = smtp_from(hub, LAN);
    begin_data(&mut smtp);
    smtp.send(b"Subject: meanwhile\r\n\r\n.\r\n");
    smtp.expect("250 2.0.0 kept as *");
    smtp.say("QUIT", "221 *");
}

#[test]
fn twenty_of_one_stranger_leave_room_for_others() {
    let office = office();
    let hub = office.serve();
    let smtp = hub.address("smtp");
    let greedy = Ipv4Addr::new(127, 0, 2, 1);
    let _held: Vec<Talk> = (0..20)
        .map(|_| {
            let mut talk = Talk::connect_from(smtp, greedy);
            talk.expect("220 *");
            talk
        })
        .collect();
    for _ in 0..100 {
        let mut talk = Talk::connect_from(smtp, greedy);
        talk.expect("421 post.example.com: too many connections from your address*");
        talk.expect_close();
    }
    drop(smtp_from(&hub, Ipv4Addr::new(127, 0, 2, 2)));
    send_as_a_pc(&hub);
}
