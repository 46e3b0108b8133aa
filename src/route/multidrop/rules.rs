//! Rules: who gets fetched mail that would otherwise be unclaimed.

use thiserror::Error;

use crate::mail::Field;
use crate::route::directory::Directory;

use super::decision::{Decision, Reason, Source};

/// One `[[rules]]` of directory.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The header's name; any line of that name may match.
    pub header: String,
    /// What its value must be.
    pub test: RuleTest,
    /// Names of users and aliases.
    pub to: Vec<String>,
}

/// What a header's value must be. Case and the kind of white space do not
/// matter; RFC 2047 words match as they stand and as they read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleTest {
    /// This text within it.
    Contains(String),
    /// This text and no more.
    Equals(String),
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("rule {}: {fault}", rule + 1)]
pub struct RuleError {
    /// Which rule, counted from 0.
    pub rule: usize,
    /// What is wrong with it.
    pub fault: RuleFault,
}

/// What is wrong with a rule, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleFault {
    /// No header has such a name.
    #[error("header = \"{0}\": expected the name of a header, as List-Id, without its colon")]
    Header(String),
    /// It would match everything.
    #[error(
        "the text to look for is empty, so the rule would match any {0}; write what it must say"
    )]
    EmptyText(String),
    /// It leads nowhere.
    #[error("to = []: name a user or an alias, or remove the rule")]
    NoTargets,
    /// A target that does not exist.
    #[error("to = \"{0}\": there is no user and no alias of this name")]
    UnknownTarget(String),
}

impl Rule {
    /// Whether the rule can be used with this directory.
    pub(in crate::route) fn check(
        &self,
        number: usize,
        directory: &Directory,
    ) -> Result<(), RuleError> {
        let fail = |fault| {
            Err(RuleError {
                rule: number,
                fault,
            })
        };
        // RFC 5322 §3.6.8.
        let good = |c: char| c.is_ascii_graphic() && c != ':';
        if self.header.is_empty() || !self.header.chars().all(good) {
            return fail(RuleFault::Header(self.header.clone()));
        }
        if folded(self.test.text()).is_empty() {
            return fail(RuleFault::EmptyText(self.header.clone()));
        }
        if self.to.is_empty() {
            return fail(RuleFault::NoTargets);
        }
        let mut names = self.to.iter();
        match names.find(|name| directory.users_named(name).is_empty()) {
            Some(name) => fail(RuleFault::UnknownTarget(name.clone())),
            None => Ok(()),
        }
    }

    /// Whether the rule is about a message with this field.
    pub fn matches(&self, field: &Field) -> bool {
        if !field.is(&self.header) {
            return false;
        }
        let wanted = folded(self.test.text());
        let says = |text: &str| match self.test {
            RuleTest::Contains(_) => folded(text).contains(&wanted),
            RuleTest::Equals(_) => folded(text) == wanted,
        };
        says(field.text()) || says(&field.decoded())
    }
}

impl RuleTest {
    fn text(&self) -> &str {
        match self {
            RuleTest::Contains(text) | RuleTest::Equals(text) => text,
        }
    }
}

fn folded(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// Gives what is unclaimed to the first rule that matches.
pub(super) fn claim(
    decision: &mut Decision,
    rules: &[Rule],
    directory: &Directory,
    fields: &[Field],
) {
    for (number, rule) in rules.iter().enumerate() {
        let Some(field) = fields.iter().find(|field| rule.matches(field)) else {
            continue;
        };
        let reason = Reason::by_line(Source::Rule(number + 1), field, None);
        for name in &rule.to {
            for found in directory.users_named(name) {
                decision.add(found, &reason);
            }
        }
        decision.unclaimed = None;
        return;
    }
}
