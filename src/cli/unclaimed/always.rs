//! `postroom unclaimed give … --always`: the rule that would have given the
//! message to the user, shown, written, and then the message itself.

use std::process::ExitCode;

use data_encoding::BASE64;

use super::GiveArguments;
use crate::cli::ask::{ask_with, do_it_with, tell_hub};
use crate::cli::confirm::agreed;
use crate::cli::output::{cut, say};
use crate::cli::{Failure, Outcome};
use crate::config::Configuration;
use crate::config::edit::DirectoryEdit;
use crate::control::{Answer, Request, RuleLine};
use crate::mail::HeaderBlock;
use crate::route::Directory;
use crate::route::multidrop::{Circumstances, Proposal, Rule, RuleTest, propose, rules_are_asked};

/// A rule decides about mail to come. A script says that it is meant by --yes.
const NO_TERMINAL: &str =
    "nothing is written or given: there is no terminal to ask at; add --yes to write this rule";

/// What is to be done about a rule.
enum Plan {
    /// This one is to be written.
    Write(Rule),
    /// This one is there.
    There(Rule),
    /// None, for this reason.
    None(String),
}

pub fn give(
    configuration: &Configuration,
    directory: &Directory,
    user: &str,
    arguments: &GiveArguments,
) -> Outcome {
    let id = &arguments.id;
    let others = match plan(configuration, directory, user, id)? {
        Plan::None(why) => {
            say!("no rule is written: {why}");
            Vec::new()
        }
        Plan::There(rule) => {
            let others = others(configuration, &rule, id)?;
            say_others(&others, arguments);
            others
        }
        Plan::Write(rule) => {
            say!("{}", toml_of(&rule));
            let others = others(configuration, &rule, id)?;
            say_others(&others, arguments);
            if !arguments.yes && !agreed("write it?", NO_TERMINAL)? {
                say!("nothing is written, and the message stays unclaimed");
                return Ok(ExitCode::SUCCESS);
            }
            let mut edit = DirectoryEdit::open(configuration)?;
            edit.add_rule(&rule)?;
            edit.save()?;
            say!("the rule is in {}", configuration.directory.display());
            tell_hub(configuration)?;
            others
        }
    };
    give_one(configuration, id, user)?;
    let mut code = ExitCode::SUCCESS;
    if arguments.all {
        // One that somebody gave away meanwhile does not keep the rest.
        for id in others {
            if let Err(Failure(why)) = give_one(configuration, &id, user) {
                eprintln!("postroom: message {id}: {why}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn give_one(configuration: &Configuration, id: &str, user: &str) -> Outcome {
    let (id, user) = (id.to_string(), user.to_string());
    do_it_with(configuration, Request::UnclaimedGive { id, user })
}

fn plan(
    configuration: &Configuration,
    directory: &Directory,
    user: &str,
    id: &str,
) -> Result<Plan, Failure> {
    let id = id.to_string();
    let answer = ask_with(configuration, Request::UnclaimedEvidence { id })?.answer;
    let Answer::Evidence {
        source,
        fetched,
        why,
        headers,
    } = answer
    else {
        return Err(Failure::another_answer());
    };
    if !fetched {
        return Ok(Plan::None(format!(
            "the message came by {source}, and rules decide about fetched mail only; an address of \
             ours that it was sent to can be the user's for good: put it into addresses of \
             [users.{user}] in directory.toml"
        )));
    }
    if !rules_are_asked(&why) {
        let first = why.lines().next().unwrap_or_default();
        return Ok(Plan::None(format!(
            "rules do not decide about such a message ({})",
            cut(first, 200)
        )));
    }
    let headers = BASE64
        .decode(headers.as_bytes())
        .map_err(|_| Failure::another_answer())?;
    let logins: Vec<String> = configuration
        .providers
        .iter()
        .map(|provider| provider.user.clone())
        .collect();
    let known = Circumstances {
        directory,
        logins: &logins,
    };
    Ok(match propose(known, &HeaderBlock::read(&headers), user) {
        Proposal::Rule(rule) => Plan::Write(rule),
        Proposal::Caught(number, users) => caught(directory, number, &users, user),
        Proposal::Nothing => Plan::None(
            "the message shows neither a list nor an address to know its like by; a rule for its \
             subject or another header can be written by hand"
                .to_string(),
        ),
    })
}

fn caught(directory: &Directory, number: usize, users: &[String], user: &str) -> Plan {
    match directory.rules().get(number.saturating_sub(1)) {
        Some(rule) if users == [user] => {
            say!("rule {number} in directory.toml gives such mail to {user} already");
            Plan::There(rule.clone())
        }
        _ => Plan::None(format!(
            "rule {number} in directory.toml gives such mail to {} already, and the first rule that \
             matches decides; change that one instead",
            users.join(", ")
        )),
    }
}

/// The other unclaimed messages that the rule is about.
fn others(configuration: &Configuration, rule: &Rule, id: &str) -> Result<Vec<String>, Failure> {
    let rule = RuleLine::from(rule);
    match ask_with(configuration, Request::UnclaimedCaught { rule })?.answer {
        Answer::Mail { lines } => {
            let ids = lines.into_iter().map(|line| line.id);
            Ok(ids
                .filter(|other| !other.eq_ignore_ascii_case(id))
                .collect())
        }
        _ => Err(Failure::another_answer()),
    }
}

fn say_others(others: &[String], arguments: &GiveArguments) {
    let what = match arguments.all {
        true => "is given too",
        false => "stays unclaimed, unless --all is given with one of them",
    };
    match others.len() {
        0 => say!("no other unclaimed message is of this kind"),
        1 => say!("1 other unclaimed message is of this kind; it {what}"),
        n => say!("{n} other unclaimed messages are of this kind; each {what}"),
    }
}

/// As it will stand in directory.toml.
fn toml_of(rule: &Rule) -> String {
    let text = |text: &str| toml::Value::String(text.to_string()).to_string();
    let (word, wanted) = match &rule.test {
        RuleTest::Contains(wanted) => ("contains", wanted),
        RuleTest::Equals(wanted) => ("equals", wanted),
    };
    let to: Vec<String> = rule.to.iter().map(|name| text(name)).collect();
    format!(
        "[[rules]]\nheader = {}\n{word} = {}\nto = [{}]",
        text(&rule.header),
        text(wanted),
        to.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_shown_as_toml_whatever_it_holds() {
        let rule = Rule {
            header: "List-Id".to_string(),
            test: RuleTest::Contains("<a\"b\\c.example>".to_string()),
            to: vec!["anna".to_string()],
        };
        let shown = toml_of(&rule);
        let read: toml::Table = shown.parse().unwrap();
        let rules = read["rules"].as_array().unwrap();
        assert_eq!(rules[0]["contains"].as_str(), Some("<a\"b\\c.example>"));
        assert_eq!(rules[0]["to"][0].as_str(), Some("anna"));
        assert!(shown.starts_with("[[rules]]\nheader = \"List-Id\"\ncontains = "));
    }
}
