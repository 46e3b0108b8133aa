//! `[[rules]]` in directory.toml: from its text to [`Rule`]s.

use serde::Deserialize;
use toml::Spanned;

use crate::route::Directory;
use crate::route::multidrop::{Rule, RuleError, RuleFault, RuleTest};

use super::document::Document;
use super::error::ConfigurationError;
use super::values::{Heading, Section, Sections};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSection {
    header: Option<Spanned<String>>,
    contains: Option<Spanned<String>>,
    equals: Option<Spanned<String>>,
    to: Option<Spanned<Vec<Spanned<String>>>>,
}

impl Heading for RuleSection {
    const EXPECTED: &'static str = "a section for each rule, headed [[rules]] with two brackets";
}

/// Where a rule stands in the file.
struct Places {
    header: usize,
    test: usize,
    to: usize,
    targets: Vec<usize>,
}

/// The directory with these rules.
///
/// # Errors
/// The first fault.
pub(super) fn add_rules(
    directory: Directory,
    written: Sections<RuleSection>,
    document: &Document,
) -> Result<Directory, ConfigurationError> {
    let mut rules = Vec::new();
    let mut places = Vec::new();
    for (number, section) in written.0.into_iter().enumerate() {
        let start = section.span().start;
        let Section(section) = section.into_inner();
        let read = rule_of(section).map_err(|(offset, message)| {
            let message = format!("rule {}: {message}", number + 1);
            document.error_at(offset.unwrap_or(start), message)
        });
        let (rule, place) = read?;
        rules.push(rule);
        places.push(place);
    }
    let names: Vec<Vec<String>> = rules.iter().map(|rule| rule.to.clone()).collect();
    directory.with_rules(rules).map_err(|error| {
        let place = places.get(error.rule);
        let names = names.get(error.rule);
        let offset = place
            .zip(names)
            .map(|(place, to)| offset(&error, place, to));
        document.error_at(offset.unwrap_or(0), error.to_string())
    })
}

/// A fault is told with its place; none: the rule as a whole.
fn rule_of(section: RuleSection) -> Result<(Rule, Places), (Option<usize>, &'static str)> {
    let Some(header) = section.header else {
        let message = "header is missing; add the header to look at: header = \"List-Id\"";
        return Err((None, message));
    };
    let (test, text) = match (section.contains, section.equals) {
        (Some(_), Some(second)) => {
            let message = "there is a contains too, and one of the two decides; remove the other";
            return Err((Some(second.span().start), message));
        }
        (Some(text), None) => (text.span().start, RuleTest::Contains(text.into_inner())),
        (None, Some(text)) => (text.span().start, RuleTest::Equals(text.into_inner())),
        (None, None) => {
            let message = "contains (or equals) is missing; add what the header must say: contains \
                           = \"announce.example.org\"";
            return Err((None, message));
        }
    };
    let Some(to) = section.to else {
        let message = "to is missing; add the users or aliases who get it: to = [\"anna\"]";
        return Err((None, message));
    };
    let places = Places {
        header: header.span().start,
        test,
        to: to.span().start,
        targets: to.get_ref().iter().map(|to| to.span().start).collect(),
    };
    let to = to.into_inner().into_iter();
    let rule = Rule {
        header: header.into_inner().trim().to_string(),
        test: text,
        to: to.map(|to| to.into_inner().trim().to_string()).collect(),
    };
    Ok((rule, places))
}

fn offset(error: &RuleError, places: &Places, to: &[String]) -> usize {
    match &error.fault {
        RuleFault::Header(_) => places.header,
        RuleFault::EmptyText(_) => places.test,
        RuleFault::NoTargets => places.to,
        RuleFault::UnknownTarget(name) => {
            let number = to.iter().position(|to| to == name);
            let target = number.and_then(|number| places.targets.get(number));
            target.copied().unwrap_or(places.to)
        }
    }
}
