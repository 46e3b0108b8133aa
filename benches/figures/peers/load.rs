//! The same mail for either side, by Postfix's `smtp-source`, and what it took.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::side::Side;
use crate::Outcome;
use crate::intake::{self, smtp_source_command};
use crate::process::Process;

/// Users to whom mail goes: `user1` and so on.
pub const USERS: usize = 20;
/// smtp-source numbers further recipients in front of the name: `2user1`, ….
pub const RECIPIENTS: usize = 10;

/// Messages of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Of each message, without its header.
    pub octets: usize,
    /// At once. Each has a user of its own, as far as there are users.
    pub sessions: usize,
    /// Of all sessions together.
    pub messages: usize,
    /// Of each message.
    pub recipients: usize,
    /// A connection for each message, as is usual between strangers, or one for all.
    pub connections: Connections,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// One message.
    OneEach,
    /// All messages.
    Stay,
}

/// What a sending came to. The time runs until all is in the mailboxes.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Each counts once, whatever its recipients.
    pub messages: f64,
    /// Until all was in the mailboxes.
    pub seconds: f64,
    /// Of the server's processors.
    pub cpu_s: f64,
    /// Of smtp-source.
    pub source_cpu_s: f64,
}

impl Sent {
    /// Messages.
    pub fn per_second(&self) -> f64 {
        self.messages / self.seconds
    }

    /// Processor seconds of the server.
    pub fn cpu_s_per_1000(&self) -> f64 {
        self.cpu_s * 1000.0 / self.messages
    }
}

impl Load {
    /// Messages of so many octets from so many sessions, to one recipient each,
    /// each in a connection of its own.
    pub fn new(octets: usize, sessions: usize, messages: usize) -> Load {
        Load {
            octets,
            sessions,
            // As many for each process.
            messages: messages.div_ceil(sessions) * sessions,
            recipients: 1,
            connections: Connections::OneEach,
        }
    }

    /// Octets of all messages together.
    pub fn all_octets(&self) -> f64 {
        (self.octets * self.messages) as f64
    }

    /// Sends it to one side, which must have it all in its mailboxes then.
    pub fn send(&self, side: &impl Side) -> Outcome<Sent> {
        measured(side, |smtp| {
            Sources::start(self, smtp)?.wait()?;
            Ok((self.messages, self.messages * self.recipients))
        })
    }
}

/// Sends something to every mailbox that the works use: a server that has run for
/// a while has its processes, and its users have their folders.
pub fn warm(side: &impl Side) -> Outcome<()> {
    let to_ten = Load {
        recipients: RECIPIENTS,
        ..Load::new(4096, RECIPIENTS, RECIPIENTS)
    };
    to_ten.send(side)?;
    Load::new(4096, USERS, USERS).send(side)?;
    Ok(())
}

/// By our own sender, which costs less than smtp-source: its sessions stay, and
/// a message's end goes out with the next one's commands.
pub fn pipelined(side: &impl Side, sessions: usize, time: Duration) -> Outcome<Sent> {
    measured(side, |smtp| {
        let messages = usize::try_from(intake::send(smtp, sessions, time)?)?;
        Ok((messages, messages))
    })
}

/// `send` returns how many messages were acknowledged, and in how many mailboxes
/// one of them must be.
fn measured(
    side: &impl Side,
    send: impl FnOnce(SocketAddr) -> Outcome<(usize, usize)>,
) -> Outcome<Sent> {
    let (smtp, kept, cpu_s) = (side.smtp()?, side.kept()?, side.cpu_s()?);
    let reaped = Process::own().cpu_of_the_reaped()?;
    let began = Instant::now();
    let (messages, copies) = send(smtp)?;
    side.wait_until_kept()?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_s = side.cpu_s()? - cpu_s;
    let source_cpu_s = Process::own().cpu_of_the_reaped()? - reaped;
    let came = side.kept()? - kept;
    if came != copies {
        return Err(format!("{copies} messages must be in the mailboxes, {came} are").into());
    }
    Ok(Sent {
        messages: messages as f64,
        seconds,
        cpu_s,
        source_cpu_s,
    })
}

/// Running senders; they end with the drop.
struct Sources(Vec<Child>);

impl Sources {
    fn start(load: &Load, smtp: SocketAddr) -> Outcome<Sources> {
        crate::interruption::check()?;
        let processes = load.sessions.min(USERS);
        let mut sources = Sources(Vec::new());
        for number in 1..=processes {
            let mut command = smtp_source_command();
            command
                .args(["-s", &(load.sessions / processes).to_string()])
                .args(["-l", &load.octets.to_string()])
                .args(["-m", &(load.messages / processes).to_string()])
                .args(["-f", "friend@elsewhere.example"])
                .args(["-t", &format!("user{number}@example.com")]);
            if load.recipients > 1 {
                command.args(["-r", &load.recipients.to_string()]);
            }
            if load.connections == Connections::Stay {
                command.arg("-d");
            }
            command.arg(format!("inet:127.0.0.1:{}", smtp.port()));
            sources.0.push(command.stdin(Stdio::null()).spawn()?);
        }
        Ok(sources)
    }

    fn wait(mut self) -> Outcome<()> {
        for source in &mut self.0 {
            if !source.wait()?.success() {
                return Err("smtp-source failed".into());
            }
        }
        Ok(())
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        for source in &mut self.0 {
            // One that has ended is as good; there is nobody to tell.
            let _ = source.kill();
            let _ = source.wait();
        }
    }
}
