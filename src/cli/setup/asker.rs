//! Questions on the terminal, each of which has a flag.
//!
//! A flag answers without a question, and a wrong one ends the command with exit
//! code 2. Without a person at the terminal a default answers; where there is none,
//! the missing flag is named. What a person answers is checked at once, and asked
//! again with the reason.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use dialoguer::{Confirm, Input, Password, Select};

use super::interrupt::heard;
use crate::cli::Failure;
use crate::cli::output::wrapped;

/// Why the setup ended before its end.
#[derive(Debug)]
pub enum Stop {
    /// A flag is missing or wrong: exit code 2.
    Flags(String),
    /// It could not be done: exit code 1.
    Failed(String),
}

impl<T: Display> From<T> for Stop {
    fn from(why: T) -> Stop {
        Stop::Failed(why.to_string())
    }
}

impl From<Failure> for Stop {
    fn from(Failure(why): Failure) -> Stop {
        Stop::Failed(why)
    }
}

/// Who answers what no flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A person at the terminal.
    Person,
    /// The defaults.
    Nobody,
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What answers it on the command line, as `--domain D`.
    pub flag: &'a str,
    /// What it is about; a line or a few, above it. Empty: nothing.
    pub about: &'a str,
    /// The question itself, without its colon.
    pub prompt: &'a str,
    /// What Enter alone answers.
    pub default: Option<&'a str>,
}

impl Asker {
    /// A person, where there is one and questions are wanted.
    pub fn at_the_terminal() -> Asker {
        match io::stdin().is_terminal() && io::stderr().is_terminal() {
            true => Asker::Person,
            false => Asker::Nobody,
        }
    }

    /// Whether a person answers.
    pub fn is_person(self) -> bool {
        self == Asker::Person
    }

    /// Something to know before the next questions.
    pub fn tell(self, text: &str) {
        if self.is_person() {
            eprintln!("\n{}", wrapped(text));
        }
    }

    /// A line of text, as `read` understands it.
    pub fn text<T>(
        self,
        question: Question,
        given: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        let Question { flag, default, .. } = question;
        if let Some(given) = given {
            return read(given).map_err(|why| Stop::Flags(format!("{flag}: {why}")));
        }
        match (self, default) {
            (Asker::Nobody, None) => Err(missing(flag)),
            (Asker::Nobody, Some(default)) => read(default).map_err(Stop::Failed),
            (Asker::Person, default) => {
                self.about(question);
                let mut input = Input::<String>::new()
                    .with_prompt(question.prompt)
                    // What is wanted instead is said by whoever reads it.
                    .allow_empty(true)
                    .validate_with(|line: &String| read(line.trim()).map(drop));
                if let Some(default) = default {
                    let is_shown = !default.is_empty();
                    input = input.default(default.to_string()).show_default(is_shown);
                }
                let line = heard(input.interact())?;
                read(line.trim()).map_err(Stop::Failed)
            }
        }
    }

    /// One of several; the first of them is the default, where there is one.
    pub fn choice<T: Copy>(
        self,
        question: Question,
        given: Option<T>,
        choices: &[(T, &str)],
    ) -> Result<T, Stop> {
        let first = choices.first().map(|(choice, _)| *choice);
        match (given, self, question.default) {
            (Some(given), ..) => Ok(given),
            (None, Asker::Nobody, None) => Err(missing(question.flag)),
            (None, Asker::Nobody, Some(_)) => first.ok_or_else(|| missing(question.flag)),
            (None, Asker::Person, _) => {
                self.about(question);
                let names = choices.iter().map(|(_, name)| *name);
                let select = Select::new()
                    .with_prompt(question.prompt)
                    .items(names)
                    .default(0);
                let chosen = heard(select.interact())?;
                let chosen = choices.get(chosen).map(|(choice, _)| *choice);
                chosen.ok_or_else(|| missing(question.flag))
            }
        }
    }

    /// Yes or no; without a person the default.
    pub fn is_yes(self, prompt: &str, default: Answer) -> Result<bool, Stop> {
        match self {
            Asker::Nobody => Ok(default == Answer::Yes),
            Asker::Person => {
                let confirm = Confirm::new().with_prompt(prompt);
                heard(confirm.default(default == Answer::Yes).interact())
            }
        }
    }

    /// A password, typed without being shown.
    pub fn password(
        self,
        flag: &str,
        prompt: &str,
        read: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Stop> {
        match self {
            Asker::Nobody => Err(missing(flag)),
            Asker::Person => {
                let password = Password::new()
                    .with_prompt(prompt)
                    .allow_empty_password(true)
                    .validate_with(|typed: &String| read(typed));
                heard(password.interact())
            }
        }
    }

    /// A new one, typed twice; none where Enter alone was.
    pub fn new_password(
        self,
        prompt: &str,
        read: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Option<String>, Stop> {
        let read = |typed: &String| match typed.is_empty() {
            true => Ok(()),
            false => read(typed),
        };
        loop {
            let first = Password::new().with_prompt(prompt);
            let first = first.allow_empty_password(true).validate_with(read);
            let first = heard(first.interact())?;
            if first.is_empty() {
                return Ok(None);
            }
            let second = Password::new().with_prompt("The same again");
            if heard(second.allow_empty_password(true).interact())? == first {
                return Ok(Some(first));
            }
            eprintln!("The two are not the same.");
        }
    }

    fn about(self, question: Question) {
        if !question.about.is_empty() {
            self.tell(question.about);
        }
    }
}

/// What Enter alone answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
}

fn missing(flag: &str) -> Stop {
    Stop::Flags(format!(
        "{flag} is missing, and nobody can be asked: give it, or run \"postroom setup\" on a terminal"
    ))
}
