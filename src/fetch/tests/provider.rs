//! The pretended provider: a POP3 server with faults to order.

use std::collections::BTreeSet;

/// A message at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub unique_id: String,
    pub octets: Vec<u8>,
}

/// What goes wrong. Numbers are message-numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    NoCapa,
    NoUidl,
    /// UIDL is named by CAPA and refused.
    UidlBroken,
    NoTop,
    NoSizes,
    WrongSizes,
    /// The connection breaks after so many octets of the server.
    CutAfter(usize),
    /// The server falls silent after so many octets.
    StallAfter(usize),
    GarbageGreeting,
    /// RETR sends twice what LIST said.
    Grows(u32),
    RetrRefused(u32),
    DeleRefused(u32),
    QuitUnanswered,
    QuitRefused,
    /// In the opposite order, and every number is doubled.
    ListingWithGaps,
    UidlNeverEnded,
    /// Of the commands in one write, the first alone is obeyed.
    ForgetsPipelined,
    /// A reply that is none, to the DELE of this message.
    JunkAtDele(u32),
}

pub struct Provider {
    pub messages: Vec<Message>,
    pub fault: Fault,
    pub capabilities: Vec<&'static str>,
    /// RETR commands that were obeyed, in all sessions.
    pub retrieved: usize,
}

impl Provider {
    pub fn of(messages: &[&[u8]]) -> Provider {
        let messages = messages.iter().enumerate().map(|(at, octets)| Message {
            unique_id: format!("unique-{at}"),
            octets: octets.to_vec(),
        });
        Provider {
            messages: messages.collect(),
            fault: Fault::None,
            capabilities: vec!["TOP", "UIDL", "USER", "PIPELINING"],
            retrieved: 0,
        }
    }

    pub fn with(fault: Fault) -> Provider {
        let mut provider = Provider::of(&[
            b"Subject: one\r\n\r\nText.\r\n",
            b"Subject: two\r\n\r\n.\r\n..dots\r\n.\r\n",
            b"Subject: three\r\n\r\n",
            b"Subject: four\r\n\r\nThe last.\r\n",
        ]);
        provider.fault = fault;
        provider
    }
}

/// One connection to it.
#[derive(Default)]
pub struct Connection {
    input: Vec<u8>,
    deleted: BTreeSet<usize>,
    sent: usize,
    pub closed: bool,
}

impl Connection {
    pub fn greeting(&mut self, provider: &Provider) -> Vec<u8> {
        let greeting = match provider.fault {
            Fault::GarbageGreeting => "220 smtp.example ESMTP\r\n",
            _ => "+OK ready <1896.697170952@pop.example>\r\n",
        };
        self.cut(provider, greeting.as_bytes().to_vec())
    }

    /// What it says to this write of the client.
    pub fn answer(&mut self, provider: &mut Provider, octets: &[u8]) -> Vec<u8> {
        self.input.extend_from_slice(octets);
        let mut answers = Vec::new();
        let mut first = true;
        while let Some(end) = self.input.windows(2).position(|it| it == b"\r\n") {
            let line = String::from_utf8(self.input[..end].to_vec()).unwrap();
            self.input.drain(..end + 2);
            let forgotten = provider.fault == Fault::ForgetsPipelined && !first;
            if !self.closed && !forgotten {
                answers.extend(self.obey(provider, &line));
            }
            first = false;
        }
        self.cut(provider, answers)
    }

    fn cut(&mut self, provider: &Provider, mut answers: Vec<u8>) -> Vec<u8> {
        if let Fault::CutAfter(most) | Fault::StallAfter(most) = provider.fault
            && answers.len() + self.sent >= most
        {
            answers.truncate(most.saturating_sub(self.sent));
            self.closed |= matches!(provider.fault, Fault::CutAfter(_));
        }
        self.sent += answers.len();
        answers
    }

    fn obey(&mut self, provider: &mut Provider, line: &str) -> Vec<u8> {
        let mut words = line.split(' ');
        let command = words.next().unwrap();
        let number: usize = words.next().and_then(|it| it.parse().ok()).unwrap_or(0);
        let number = match provider.fault {
            Fault::ListingWithGaps if number % 2 == 1 => 0,
            Fault::ListingWithGaps => number / 2,
            _ => number,
        };
        let fault = provider.fault;
        let is = |it: u32| it as usize == number;
        match (command, fault) {
            ("CAPA", Fault::NoCapa) | ("UIDL", Fault::NoUidl | Fault::UidlBroken) => no(),
            ("TOP", Fault::NoTop) | ("LIST", Fault::NoSizes) => no(),
            ("RETR", Fault::RetrRefused(it)) if is(it) => b"-ERR [SYS/TEMP] damaged\r\n".to_vec(),
            ("DELE", Fault::DeleRefused(it)) if is(it) => b"-ERR not now\r\n".to_vec(),
            ("DELE", Fault::JunkAtDele(it)) if is(it) => b"Segmentation fault\r\n".to_vec(),
            ("CAPA", _) => {
                let capabilities = provider.capabilities.iter();
                let mut lines: Vec<_> = capabilities.map(|it| it.to_string()).collect();
                if fault == Fault::NoUidl {
                    lines.retain(|it| it != "UIDL");
                }
                list(lines)
            }
            ("USER" | "PASS" | "APOP" | "AUTH", _) => b"+OK\r\n".to_vec(),
            ("UIDL", _) => {
                let ids = provider.messages.iter().map(|it| it.unique_id.clone());
                let mut listing = list(numbered(fault, ids.collect()));
                if fault == Fault::UidlNeverEnded {
                    listing.truncate(listing.len() - 3);
                }
                listing
            }
            ("LIST", _) => {
                let sizes = provider.messages.iter().enumerate().map(|(at, message)| {
                    let wrong = [0_u64, 1, 4_000_000_000, 7][at % 4];
                    match fault {
                        Fault::WrongSizes => wrong.to_string(),
                        _ => message.octets.len().to_string(),
                    }
                });
                list(numbered(fault, sizes.collect()))
            }
            ("RETR", _) => match self.message(provider, number) {
                Some(mut octets) => {
                    if let Fault::Grows(it) = fault
                        && is(it)
                    {
                        octets.extend(octets.clone());
                    }
                    provider.retrieved += 1;
                    content(&octets)
                }
                None => no(),
            },
            ("TOP", _) => match self.message(provider, number) {
                Some(octets) => {
                    let end = octets.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
                    content(&octets[..end])
                }
                None => no(),
            },
            ("DELE", _) => match self.message(provider, number) {
                Some(_) => {
                    self.deleted.insert(number - 1);
                    b"+OK\r\n".to_vec()
                }
                None => no(),
            },
            ("QUIT", Fault::QuitRefused) => b"-ERR some messages not removed\r\n".to_vec(),
            ("QUIT", _) => {
                for index in self.deleted.iter().rev() {
                    provider.messages.remove(*index);
                }
                self.deleted.clear();
                match fault {
                    Fault::QuitUnanswered => Vec::new(),
                    _ => {
                        self.closed = true;
                        b"+OK bye\r\n".to_vec()
                    }
                }
            }
            _ => no(),
        }
    }

    fn message(&self, provider: &Provider, number: usize) -> Option<Vec<u8>> {
        let index = number.checked_sub(1)?;
        let gone = self.deleted.contains(&index);
        let message = provider.messages.get(index).filter(|_| !gone)?;
        Some(message.octets.clone())
    }
}

fn no() -> Vec<u8> {
    b"-ERR no\r\n".to_vec()
}

fn numbered(fault: Fault, texts: Vec<String>) -> Vec<String> {
    let factor = if fault == Fault::ListingWithGaps {
        2
    } else {
        1
    };
    let lines = texts.iter().enumerate();
    let mut lines: Vec<_> = lines
        .map(|(at, text)| format!("{} {text}", (at + 1) * factor))
        .collect();
    if factor == 2 {
        lines.reverse();
    }
    lines
}

fn list(lines: Vec<String>) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("+OK\r\n{lines}.\r\n").into_bytes()
}

fn content(octets: &[u8]) -> Vec<u8> {
    let mut out = b"+OK\r\n".to_vec();
    let mut stuffer = crate::wire::DotStuffer::default();
    stuffer.stuff(octets, &mut out);
    stuffer.finish(&mut out);
    out
}
