//! What `postroom check` finds: values, for a person and for a program.

use std::fmt::Display;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Good to know; nothing need be done.
    Note,
    /// Works, and should be looked at.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// At the beginning of its line.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Good => "ok",
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "ERROR",
        }
    }
}

/// What it is about. Its name in JSON does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// postroom.toml.
    Configuration,
    /// directory.toml.
    Directory,
    /// Who may read and change the files.
    Files,
    /// The clock of this machine.
    Clock,
    /// The certificate, its key and its issuers.
    Certificate,
    /// Where the hub's name leads.
    Hostname,
    /// What the hub listens on.
    Ports,
    /// Memory of this machine.
    Memory,
    /// The running hub.
    Hub,
    /// Room on the disk of the mail.
    Disk,
    /// The mail where it is kept: whether a hub can start on it, and all is there.
    Store,
    /// How fast that disk is.
    DiskSpeed,
    /// Mail that nobody collects.
    Mail,
    /// Whether PCs come.
    Polls,
    /// The accounts at providers.
    Provider,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub topic: Topic,
    /// What was found, in a sentence.
    pub text: String,
    /// What to do about it, where there is something.
    pub mend: Option<String>,
}

impl Finding {
    pub fn good(topic: Topic, text: impl Display) -> Finding {
        Finding::new(Severity::Good, topic, text)
    }

    pub fn note(topic: Topic, text: impl Display) -> Finding {
        Finding::new(Severity::Note, topic, text)
    }

    pub fn warning(topic: Topic, text: impl Display) -> Finding {
        Finding::new(Severity::Warning, topic, text)
    }

    pub fn error(topic: Topic, text: impl Display) -> Finding {
        Finding::new(Severity::Error, topic, text)
    }

    fn new(severity: Severity, topic: Topic, text: impl Display) -> Finding {
        Finding {
            severity,
            topic,
            text: text.to_string(),
            mend: None,
        }
    }

    /// The same, with what to do.
    pub fn mend(mut self, mend: impl Display) -> Finding {
        self.mend = Some(mend.to_string());
        self
    }
}

/// All that is found, each told as soon as it is: a provider that does not answer
/// takes a while.
pub struct Findings<'a> {
    all: Vec<Finding>,
    tell: &'a dyn Fn(&Finding),
}

impl<'a> Findings<'a> {
    /// Nothing is found yet.
    pub fn new(tell: &'a dyn Fn(&Finding)) -> Findings<'a> {
        Findings {
            all: Vec::new(),
            tell,
        }
    }

    pub fn add(&mut self, finding: Finding) {
        (self.tell)(&finding);
        self.all.push(finding);
    }

    pub fn into_all(self) -> Vec<Finding> {
        self.all
    }
}
