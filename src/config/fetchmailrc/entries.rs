//! What a .fetchmailrc says, entry by entry.

use std::collections::BTreeMap;

/// An option's value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    On,
    Off,
    Number(i64),
    Text(Vec<u8>),
    List(Vec<Vec<u8>>),
}

/// Not what a text says: it may be a password.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Value::On => "On",
            Value::Off => "Off",
            Value::Number(_) => "Number",
            Value::Text(_) => "Text(…)",
            Value::List(_) => "List(…)",
        })
    }
}

/// Options by their long names; the last of a name counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options(pub BTreeMap<&'static str, Setting>);

impl Options {
    pub fn line(&self, name: &str) -> Option<usize> {
        self.0.get(name).map(|setting| setting.line)
    }

    /// The text, for eyes and for names.
    pub fn text(&self, name: &str) -> Option<String> {
        self.octets(name).map(readable)
    }

    /// The text as it stands.
    pub fn octets(&self, name: &str) -> Option<&[u8]> {
        match self.0.get(name).map(|setting| &setting.value) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name).map(|setting| &setting.value) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name).map(|setting| &setting.value) {
            Some(Value::List(texts)) => texts.iter().map(|text| readable(text)).collect(),
            _ => Vec::new(),
        }
    }

    /// Said to be on.
    pub fn is_on(&self, name: &str) -> bool {
        self.is(name, &Value::On)
    }

    /// Said to be off.
    pub fn is_off(&self, name: &str) -> bool {
        self.is(name, &Value::Off)
    }

    fn is(&self, name: &str, value: &Value) -> bool {
        self.0
            .get(name)
            .is_some_and(|setting| setting.value == *value)
    }

    /// Sets an option; a list grows.
    pub fn set(&mut self, name: &'static str, line: usize, value: Value) {
        match (self.0.get_mut(name).map(|it| &mut it.value), value) {
            (Some(Value::List(list)), Value::List(more)) => list.extend(more),
            (_, value) => {
                self.0.insert(name, Setting { line, value });
            }
        }
    }

    /// Takes over what is not set here.
    pub fn fill_up(&mut self, defaults: &Options) {
        for (name, setting) in &defaults.0 {
            self.0.entry(name).or_insert_with(|| setting.clone());
        }
    }
}

/// How an entry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Poll,
    Skip,
    Defaults,
}

/// A server entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub line: usize,
    pub verb: Verb,
    /// A host, or with `via` a label.
    pub name: String,
    pub options: Options,
    pub users: Vec<User>,
}

/// A user entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct User {
    pub line: usize,
    /// The name at the provider.
    pub remote: Option<String>,
    /// Whom the mail is for: at the provider, and here where that differs.
    pub local: Vec<(String, Option<String>)>,
    /// `*` among them.
    pub wildcard: bool,
    pub options: Options,
}

impl User {
    /// More than one person's mail.
    pub fn is_multidrop(&self) -> bool {
        self.wildcard || self.local.len() > 1
    }

    pub fn fill_up(&mut self, defaults: &User) {
        if self.remote.is_none() {
            self.remote.clone_from(&defaults.remote);
        }
        if self.local.is_empty() {
            self.local.clone_from(&defaults.local);
        }
        self.wildcard |= defaults.wildcard;
        self.options.fill_up(&defaults.options);
    }
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunControl {
    /// From `set`.
    pub globals: Options,
    /// In the file's order, `defaults` among them.
    pub servers: Vec<Server>,
}

/// UTF-8, else Latin-1; control characters as blanks.
pub(super) fn readable(octets: &[u8]) -> String {
    let text = match std::str::from_utf8(octets) {
        Ok(text) => text.to_string(),
        Err(_) => octets.iter().map(|&octet| char::from(octet)).collect(),
    };
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).collect()
}
