//! The rule that would have given an unclaimed message to somebody.
//!
//! As narrow as what the message shows allows: the id of a mailing list, else
//! an address that led nowhere, else the sender. A proposal is tried on the
//! message itself, behind the rules that there are, before anybody sees it.

use crate::mail::{Address, Field, HeaderBlock, addresses};
use crate::route::directory::Directory;

use super::decision::Decision;
use super::guess::KNOWN_HEADERS;
use super::rules::{self, Rule, RuleTest};

/// A text of fewer characters says too little to tell mail apart.
const TEXT_CHARS_MIN: usize = 4;
/// A rule is a line that people read. RFC 2919 §3 caps a list's id at 255.
const TEXT_CHARS_MAX: usize = 300;

/// What is known beside the message.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who is who.
    pub directory: &'a Directory,
    /// The names that log in at providers: an address of such a name may stand
    /// in every message of that mailbox, and so tells nothing apart.
    pub logins: &'a [String],
}

/// What [`propose`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// This rule does it.
    Rule(Rule),
    /// A rule that there is, by its number from 1 on, catches the message
    /// already, for these users. It was written after the message came.
    Caught(usize, Vec<String>),
    /// The message shows nothing to know its like by.
    Nothing,
}

/// The narrowest rule that gives this message, and mail like it, to `user`.
pub fn propose(known: Circumstances<'_>, headers: &HeaderBlock, user: &str) -> Proposal {
    let fields = headers.fields();
    let rules = known.directory.rules();
    if let Some(number) = caught_by(rules, headers) {
        let users = outcome(rules, known.directory, fields);
        return Proposal::Caught(number, users);
    }
    let candidates = by_list(known, fields)
        .into_iter()
        .chain(by_address(known, fields))
        .chain(by_sender(known, fields));
    let to = |(header, test): (String, RuleTest)| Rule {
        header,
        test,
        to: vec![user.to_string()],
    };
    let mut candidates = candidates.map(to);
    let good = candidates.find(|rule| does_it(known.directory, rule, fields, user));
    good.map_or(Proposal::Nothing, Proposal::Rule)
}

/// Whether this rule is about the message.
pub fn catches(rule: &Rule, headers: &HeaderBlock) -> bool {
    caught_by(std::slice::from_ref(rule), headers).is_some()
}

fn caught_by(rules: &[Rule], headers: &HeaderBlock) -> Option<usize> {
    let fields = headers.fields();
    let catches = |rule: &Rule| fields.iter().any(|field| rule.matches(field));
    rules.iter().position(catches).map(|number| number + 1)
}

/// Who gets the message by these rules.
fn outcome(rules: &[Rule], directory: &Directory, fields: &[Field]) -> Vec<String> {
    let mut decision = Decision::default();
    rules::claim(&mut decision, rules, directory, fields);
    let users = decision.targets.into_iter().map(|target| target.user);
    users.collect()
}

/// Whether the rule, as the last one, would have given the message to the user
/// and to nobody else.
fn does_it(directory: &Directory, rule: &Rule, fields: &[Field], user: &str) -> bool {
    let mut rules = directory.rules().to_vec();
    rules.push(rule.clone());
    rule.check(rules.len() - 1, directory).is_ok() && outcome(&rules, directory, fields) == [user]
}

/// RFC 2919: `List-Id: Announcements <announce.example.org>`.
fn by_list(known: Circumstances<'_>, fields: &[Field]) -> Vec<(String, RuleTest)> {
    let tests = fields.iter().filter(|field| field.is("List-Id"));
    let test = |field: &Field| {
        let text = field.text();
        let bracketed = text.rsplit_once('<').and_then(|(_, id)| id.split_once('>'));
        let id = bracketed.map_or(text, |(id, _)| id).trim();
        let test = match bracketed {
            Some(_) => RuleTest::Contains(format!("<{id}>")),
            None => RuleTest::Equals(text.to_string()),
        };
        (is_list_id(id) && !is_ours(known.directory, id) && is_telling(id))
            .then(|| (field.name().to_string(), test))
    };
    tests.filter_map(test).collect()
}

/// A name in a domain. What else is found there may be a sentence, or a number
/// that changes each time.
fn is_list_id(id: &str) -> bool {
    let good = |c: char| c.is_ascii_graphic() && !"@<>()[]\",:;\\".contains(c);
    id.chars().all(good) && id.split('.').count() > 1 && !id.split('.').any(str::is_empty)
}

/// An address of ours that is nobody's, or the list's own.
fn by_address(known: Circumstances<'_>, fields: &[Field]) -> Vec<(String, RuleTest)> {
    let lists = list_addresses(fields);
    let mut tests = Vec::new();
    for name in ["To", "Cc"].iter().chain(&KNOWN_HEADERS) {
        let is_trace = KNOWN_HEADERS.contains(name);
        for field in fields.iter().filter(|field| field.is(name)) {
            for address in addresses(field.text()) {
                let is_meant = match known.directory.is_ours(&address.domain) {
                    true => known.directory.holders_of(&address).is_empty(),
                    false => !is_trace && lists.contains(&address),
                };
                if is_meant && !(is_trace && is_login(known.logins, &address)) {
                    tests.extend(by_one_address(field, &address));
                }
            }
        }
    }
    tests
}

/// What List-Post names; without it the only recipient of a list's message,
/// but never its sender. Any other foreign address may be anybody's, who is
/// written to by us tomorrow.
fn list_addresses(fields: &[Field]) -> Vec<Address> {
    let of = |name| {
        let named = fields.iter().filter(move |field| field.is(name));
        named.flat_map(|field| addresses(field.text()))
    };
    let posts: Vec<Address> = of("List-Post").collect();
    if !posts.is_empty() || !fields.iter().any(is_of_a_list) {
        return posts;
    }
    let mut shown: Vec<Address> = of("To").chain(of("Cc")).collect();
    if shown.len() > 1 || of("From").any(|from| shown.contains(&from)) {
        shown.clear();
    }
    shown
}

fn by_sender(known: Circumstances<'_>, fields: &[Field]) -> Vec<(String, RuleTest)> {
    let mut tests = Vec::new();
    for field in fields.iter().filter(|field| field.is("From")) {
        // Several senders are one message's, hardly the next one's.
        if let [address] = addresses(field.text()).as_slice()
            && known.directory.holders_of(address).is_empty()
        {
            tests.extend(by_one_address(field, address));
        }
    }
    tests
}

/// In its brackets, or as the whole line, where it can be: without either,
/// `anna@` is also in `joanna@`.
fn by_one_address(field: &Field, address: &Address) -> Option<(String, RuleTest)> {
    let text = address.to_string();
    let bracketed = format!("<{text}>");
    let line = field.text().to_lowercase();
    let test = if line.contains(&bracketed.to_lowercase()) {
        RuleTest::Contains(bracketed)
    } else if line == text.to_lowercase() {
        RuleTest::Equals(text.clone())
    } else {
        RuleTest::Contains(text.clone())
    };
    is_telling(&text).then(|| (field.name().to_string(), test))
}

/// RFC 2369, RFC 2919, and what was there before them.
fn is_of_a_list(field: &Field) -> bool {
    let name = field.name();
    let front = name.get(..5);
    front.is_some_and(|front| front.eq_ignore_ascii_case("List-"))
        || field.is("Mailing-List")
        || field.is("Precedence")
            && ["list", "bulk"].contains(&field.text().to_lowercase().as_str())
}

fn is_login(logins: &[String], address: &Address) -> bool {
    let mut logins = logins.iter();
    logins.any(|login| {
        let login = login.to_lowercase();
        login == address.to_string().to_lowercase() || login == address.local_part.folded()
    })
}

fn is_ours(directory: &Directory, id: &str) -> bool {
    let mut domains = directory.domains().iter();
    domains.any(|domain| domain.as_str().eq_ignore_ascii_case(id))
}

/// A name without a dot is a machine's own, and could be any machine's.
fn is_telling(text: &str) -> bool {
    let count = text.chars().count();
    (TEXT_CHARS_MIN..=TEXT_CHARS_MAX).contains(&count)
        && text.contains('.')
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
