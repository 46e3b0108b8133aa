//! What is decided, and why: the reason of each delivery, the evidence of what
//! is unclaimed.

use std::fmt;

use crate::mail::{Address, Field};
use crate::route::directory;

/// How many header lines the evidence holds; a spam message may have hundreds
/// of addresses.
const CONSIDERED_MAX: usize = 50;
/// How many ways to one user are kept; more say nothing new.
const REASONS_MAX: usize = 20;

/// Whose mail a message is. Never nobody's: without targets there is evidence.
/// Both where one header names several recipients and not all are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Each user once.
    pub targets: Vec<Target>,
    /// The message is also, or only, unclaimed.
    pub unclaimed: Option<Evidence>,
    /// Guessed from what the message shows (tiers Resent and To + Cc): how
    /// many addresses of users and aliases it shows. Only such mail can hide a
    /// blind copy.
    pub visible: Option<usize>,
    /// Whether [`Decision::settle`] must know the earlier copies.
    pub is_guess: bool,
}

/// A user who gets the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user's name.
    pub user: String,
    /// The ways that lead to this user; at least one, at most 20.
    pub reasons: Vec<Reason>,
}

/// Why a user gets the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What decided.
    pub source: Source,
    /// The header line, in short.
    pub line: Option<String>,
    /// The address in it that counted, without the account's prefix.
    pub address: Option<Address>,
    /// What the directory says: `alias sales`.
    pub way: String,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Mode `envelope`.
    Envelope,
    /// Mode `guess`.
    Guess(Tier),
    /// Mode `single`.
    Single,
    /// The rule of this number, counted from 1 as people do.
    Rule(usize),
}

/// What mode `guess` looks at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A known envelope header in the provider's own block.
    EnvelopeHeader,
    /// The `for` clause of the provider's own Received lines.
    ReceivedFor,
    /// The newest block of Resent lines.
    Resent,
    /// To and Cc.
    ToCc,
}

/// Why a message is unclaimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// For people, in one sentence.
    pub why: String,
    /// The header lines considered, at most 50, and why none decided.
    pub considered: Vec<Considered>,
}

/// One header line, and why it did not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// The line in short.
    pub line: String,
    /// What was found.
    pub finding: Finding,
}

/// Why a header line did not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No address in it.
    NoAddress,
    /// This address, in a domain that is not ours.
    Foreign(Address),
    /// This address of ours, and why nobody gets its mail.
    Nobodys(Address, String),
    /// It stands below the provider's own lines.
    NotTheProviders,
}

impl Decision {
    pub(super) fn unclaimed(evidence: Evidence) -> Decision {
        Decision {
            unclaimed: Some(evidence),
            ..Decision::default()
        }
    }

    /// Adds a user, or a further reason for one.
    pub(super) fn add(&mut self, found: directory::Target, reason: &Reason) {
        let reason = Reason {
            way: found.why,
            ..reason.clone()
        };
        let mut targets = self.targets.iter_mut();
        match targets.find(|target| target.user == found.user) {
            Some(target) if target.reasons.contains(&reason) => {}
            Some(target) if target.reasons.len() >= REASONS_MAX => {}
            Some(target) => target.reasons.push(reason),
            None => self.targets.push(Target {
                user: found.user,
                reasons: vec![reason],
            }),
        }
    }
}

impl Target {
    /// The reasons in words, for the entry in the store.
    pub fn why(&self) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(Reason::to_string).collect();
        reasons.join("; ")
    }
}

impl Reason {
    pub(super) fn new(source: Source) -> Reason {
        Reason {
            source,
            line: None,
            address: None,
            way: String::new(),
        }
    }

    pub(super) fn by_line(source: Source, field: &Field, address: Option<&Address>) -> Reason {
        Reason {
            source,
            line: Some(field.line()),
            address: address.cloned(),
            way: String::new(),
        }
    }
}

/// `envelope, X-Envelope-To: anna@example.com: user anna`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        if let Some(line) = &self.line {
            write!(f, ", {line}")?;
        }
        // A long line shows only its beginning, which may be another address.
        if let (Some(line), Some(address)) = (&self.line, &self.address)
            && !line.contains(&address.to_string())
        {
            write!(f, " ({address})")?;
        }
        write!(f, ": {}", self.way)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Envelope => f.write_str("envelope"),
            Source::Guess(tier) => write!(f, "guess by {tier}"),
            Source::Single => f.write_str("single"),
            Source::Rule(number) => write!(f, "rule {number}"),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::EnvelopeHeader => "envelope header",
            Tier::ReceivedFor => "Received line",
            Tier::Resent => "Resent lines",
            Tier::ToCc => "To and Cc",
        })
    }
}

impl Evidence {
    pub(super) fn new(why: impl Into<String>) -> Evidence {
        Evidence {
            why: why.into(),
            considered: Vec::new(),
        }
    }

    /// An address of ours that nobody has is the likeliest slip (a user who is
    /// not written down yet): it goes into the sentence, which lists show alone.
    pub(super) fn name_the_nearest(&mut self) {
        let found = self.considered.iter().map(|considered| &considered.finding);
        let mut nobodys = found.filter(|finding| matches!(finding, Finding::Nobodys(..)));
        if let Some(nearest) = nobodys.next() {
            self.why = format!("{}: {nearest}", self.why);
        }
    }

    pub(super) fn consider(&mut self, field: &Field, finding: Finding) {
        if self.considered.len() < CONSIDERED_MAX {
            self.considered.push(Considered {
                line: field.line(),
                finding,
            });
        }
    }
}

/// The sentence, then a line for each header line.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        for Considered { line, finding } in &self.considered {
            write!(f, "\n  {line}\n    {finding}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::NoAddress => f.write_str("names no address"),
            Finding::Foreign(address) => {
                write!(f, "{address}: {} is not ours", address.domain)
            }
            Finding::Nobodys(address, why) => write!(f, "{address}: {why}"),
            Finding::NotTheProviders => {
                f.write_str("stands below the provider's own lines, where anybody can write it")
            }
        }
    }
}
