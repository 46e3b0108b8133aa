//! Mail as people send and collect it: whole transactions in one call.

use crate::hub::Hub;
use crate::talk::Talk;

/// A small message with this subject.
pub fn message(subject: &str) -> String {
    format!(
        "From: Kate <kate@elsewhere.example>\r\nTo: anna@example.com\r\nSubject: {subject}\r\n\r\n\
         Dear all,\r\n.this line begins with a dot\r\n"
    )
}

/// Sends [`message`] in a session of its own; its id.
pub fn send(hub: &Hub, recipients: &[&str], subject: &str) -> String {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    let id = send_in(&mut smtp, recipients, message(subject).as_bytes());
    smtp.say("QUIT", "221 *");
    id
}

/// Takes the greeting and says EHLO.
pub fn greet(smtp: &mut Talk) {
    smtp.expect("220 *");
    ehlo(smtp);
}

/// EHLO with all lines of its reply.
pub fn ehlo(smtp: &mut Talk) -> Vec<String> {
    let mut lines = vec![smtp.say("EHLO pc.example", "250*")];
    while lines.last().is_some_and(|line| line.starts_with("250-")) {
        lines.push(smtp.expect("250*"));
    }
    lines
}

/// One transaction, content by BDAT so that it arrives as it is; its id.
pub fn send_in(smtp: &mut Talk, recipients: &[&str], content: &[u8]) -> String {
    smtp.say("MAIL FROM:<kate@elsewhere.example>", "250 *");
    for recipient in recipients {
        smtp.say(&format!("RCPT TO:<{recipient}>"), "250 *");
    }
    smtp.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
    smtp.send(content);
    let reply = smtp.expect("250 2.0.0 kept as *");
    id_of(&reply)
}

/// The id in `250 2.0.0 kept as ID`.
pub fn id_of(reply: &str) -> String {
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap();
    id.split_whitespace().next().unwrap().to_string()
}

/// The reply to RCPT for this address, in a session of its own.
pub fn rcpt(hub: &Hub, recipient: &str) -> String {
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    smtp.say("MAIL FROM:<kate@elsewhere.example>", "250 *");
    let reply = smtp.say(&format!("RCPT TO:<{recipient}>"), "*");
    smtp.say("QUIT", "221 *");
    reply
}

/// A POP3 session, logged in with the password `secret-NAME`.
pub fn log_in(hub: &Hub, user: &str) -> Talk {
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say(&format!("USER {user}"), "+OK*");
    pop3.say(&format!("PASS secret-{user}"), "+OK*");
    pop3
}

/// The reply to PASS, in a session of its own.
pub fn pass(hub: &Hub, user: &str, password: &str) -> String {
    let mut pop3 = hub.pop3();
    pop3.expect("+OK *");
    pop3.say(&format!("USER {user}"), "+OK*");
    let reply = pop3.say(&format!("PASS {password}"), "*");
    pop3.say("QUIT", "+OK*");
    reply
}

/// The number of messages that wait for a user.
pub fn waiting(hub: &Hub, user: &str) -> usize {
    let mut pop3 = log_in(hub, user);
    let stat = pop3.say("STAT", "+OK *");
    pop3.say("QUIT", "+OK*");
    stat.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The unique-ids in a user's maildrop.
pub fn unique_ids(hub: &Hub, user: &str) -> Vec<String> {
    let mut pop3 = log_in(hub, user);
    pop3.say("UIDL", "+OK*");
    let lines = String::from_utf8(pop3.multi_line()).unwrap();
    pop3.say("QUIT", "+OK*");
    let ids = lines.lines().filter_map(|line| line.split(' ').nth(1));
    ids.map(str::to_string).collect()
}

/// Retrieves all messages and removes them, as a PC does.
pub fn collect(hub: &Hub, user: &str) -> Vec<Vec<u8>> {
    let mut pop3 = log_in(hub, user);
    let stat = pop3.say("STAT", "+OK *");
    let count: usize = stat.split(' ').nth(1).unwrap().parse().unwrap();
    let mut messages = Vec::new();
    for number in 1..=count {
        pop3.say(&format!("RETR {number}"), "+OK*");
        messages.push(pop3.multi_line());
        pop3.say(&format!("DELE {number}"), "+OK*");
    }
    pop3.say("QUIT", "+OK*");
    messages
}

/// A message as it was sent: without the trace lines of the hub.
pub fn behind_trace(message: &[u8]) -> &[u8] {
    let mut rest = behind_field(message, "Return-Path: ").expect("no Return-Path in front");
    while let Some(behind) = behind_field(rest, "Delivered-To: ") {
        rest = behind;
    }
    behind_field(rest, "Received: ").expect("no Received behind Delivered-To")
}

/// What follows a header field of this name with its folded lines.
fn behind_field<'a>(content: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let after_name = content.strip_prefix(name.as_bytes())?;
    let mut octets = 0;
    for line in after_name.split_inclusive(|&octet| octet == b'\n') {
        if octets > 0 && !line.starts_with(b"\t") {
            break;
        }
        octets += line.len();
    }
    after_name.get(octets..)
}
