//! Attacks by whoever can reach the SMTP listeners, and by what such a message
//! then does to the people who look at it.

mod bombs;
mod connections;
mod control;
mod floods;
mod forging;
mod injection;
mod names;
mod relay;
mod smuggling;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::hub::{Hub, Office};
use crate::process::peak;
use crate::talk::Talk;

/// An address on the LAN of [`office`], beside 127.0.0.1.
const LAN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// A stranger.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Anna and Bob; all of this machine but 127.0.0.1 and [`LAN`] is the world.
fn office() -> Office {
    let office = Office::new();
    office.set("", "lan = [\"127.0.0.1/32\", \"127.0.0.2/32\"]");
    office
}

/// An SMTP session from this address, greeted, after EHLO.
fn smtp_from(hub: &Hub, source: Ipv4Addr) -> Talk {
    let mut smtp = Talk::connect_from(hub.address("smtp"), source);
    crate::mail::greet(&mut smtp);
    smtp
}

/// As far as 354.
fn begin_data(smtp: &mut Talk) {
    smtp.say("MAIL FROM:<x@elsewhere.example>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp.say("DATA", "354 *");
}

/// The most memory that the hub ever had, in octets.
fn most_memory(hub: &Hub) -> u64 {
    peak(hub.pid()) as u64
}

/// Another stranger each time: the refusals of one who tries names are slowed.
fn stranger() -> Ipv4Addr {
    static NUMBER: AtomicU16 = AtomicU16::new(0);
    let [high, low] = NUMBER.fetch_add(1, Ordering::SeqCst).to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// What a terminal or a pager could obey, or show as a line of its own.
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
