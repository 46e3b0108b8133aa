//! One TOML file as text: from a place in it to its line and its excerpt.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::de::Deserializer;

use super::error::ConfigurationError;

/// The longest piece of a file that an error repeats, in characters.
const EXCERPT_MAX: usize = 60;

/// What must stand above the first section; people put it at the end.
const ABOVE_SECTIONS: [&str; 6] = [
    "hostname",
    "domains",
    "data_dir",
    "directory",
    "lan",
    "allow_root",
];

/// A file's text, and the name that errors give it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
    values: Values,
}

/// Whether an error may repeat what it found: it goes into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Public,
    Secret,
}

impl<'a> Document<'a> {
    /// A byte order mark, as Windows editors write it, is no text.
    pub(super) fn new(file: &'a Path, text: &'a str) -> Document<'a> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Document {
            file,
            text,
            values: Values::Public,
        }
    }

    /// The same for a file of passwords: no value of it is repeated. Elsewhere
    /// those are left out that may show one.
    pub(super) fn with_secrets(file: &'a Path, text: &'a str) -> Document<'a> {
        Document {
            values: Values::Secret,
            ..Document::new(file, text)
        }
    }

    /// Reads the whole text as `T`.
    ///
    /// # Errors
    /// The first fault, of the syntax or of a value.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigurationError> {
        let deserializer = Deserializer::parse(self.text);
        let deserializer = deserializer.map_err(|error| self.syntax_error(&error))?;
        T::deserialize(deserializer).map_err(|error| self.value_error(&error))
    }

    /// Something that the file as a whole lacks.
    pub(super) fn missing(&self, message: &str) -> ConfigurationError {
        ConfigurationError::of_file(self.file, message)
    }

    /// A fault at this place: `KEY = FOUND: message`.
    pub(super) fn error(&self, span: Range<usize>, message: &str) -> ConfigurationError {
        self.error_at(span.start, format!("{}: {message}", self.excerpt(&span)))
    }

    /// A fault at this place, without an excerpt.
    pub(super) fn error_at(&self, offset: usize, message: impl Into<String>) -> ConfigurationError {
        ConfigurationError {
            file: self.file.to_path_buf(),
            line: Some(self.line(offset)),
            message: message.into(),
        }
    }

    /// The line of a place, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    /// `key = found`, or `found in key` inside of a list, where both stand in
    /// one line.
    fn excerpt(&self, span: &Range<usize>) -> String {
        let found = self.text.get(span.clone()).unwrap_or_default();
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let is_whole_value = line.trim_end().ends_with('=');
        let key = match is_whole_value {
            true => line.trim_end().trim_end_matches(['=', ' ', '\t']),
            false => line.split_once('=').map_or("", |(key, _)| key),
        };
        let key = key
            .trim()
            .rsplit([' ', '\t', '{', ','])
            .next()
            .unwrap_or_default();
        if self.values == Values::Secret || may_hold_secret(line) || may_hold_secret(found) {
            return match key {
                "" => "a value".to_string(),
                key => key.to_string(),
            };
        }
        let first_line = found.lines().next().unwrap_or_default();
        let mut short: String = first_line.chars().take(EXCERPT_MAX).collect();
        if short.len() < found.trim_end().len() {
            short.push('…');
        }
        match (key, is_whole_value) {
            ("", _) => short,
            (key, true) => format!("{key} = {short}"),
            (key, false) => format!("{short} in {key}"),
        }
    }

    /// What the parser found, where its words are not clear enough.
    fn syntax_error(&self, error: &toml::de::Error) -> ConfigurationError {
        let words = one_line(error.message());
        let Some(span) = error.span() else {
            return ConfigurationError::of_file(self.file, format!("not TOML: {words}"));
        };
        let rest = self.text.get(span.start..).unwrap_or_default();
        let rest_of_line = rest.lines().next().unwrap_or_default().trim();
        let message = if words.starts_with("string values must be quoted") {
            match rest_of_line.is_empty() || rest_of_line.starts_with('#') {
                true => "a value is missing after \"=\"".to_string(),
                false => "a text must stand in quotes".to_string(),
            }
        } else if words == "duplicate key" {
            let key = self.text.get(span.clone()).unwrap_or_default().trim();
            format!("{key} stands here for the second time; make one of the two")
        } else {
            words
        };
        self.error_at(span.start, format!("not TOML: {message}"))
    }

    /// What serde found, in the words of whoever wrote the file.
    fn value_error(&self, error: &toml::de::Error) -> ConfigurationError {
        let message = one_line(error.message());
        let Some(span) = error.span() else {
            return ConfigurationError::of_file(self.file, message);
        };
        if let Some(rest) = message.strip_prefix("unknown field `") {
            let (field, known) = rest.split_once('`').unwrap_or((rest, ""));
            let known = known.split('`').skip(1).step_by(2).collect::<Vec<_>>();
            let hint = match ABOVE_SECTIONS.contains(&field) {
                true => "; it belongs above the first [section]",
                false => "",
            };
            let message = format!(
                "\"{field}\" is not known here{hint}; known are {}",
                known.join(", ")
            );
            return self.error_at(span.start, message);
        }
        let expected = match message.rsplit_once(", expected ") {
            Some((_, expected)) if !message.starts_with("expected ") => {
                format!("expected {}", plain_words(expected))
            }
            _ => message,
        };
        self.error(span, &expected)
    }
}

/// Whether a piece of a file may show a password: it names one, or it is a
/// section in braces, where the name of the setting may be misspelt.
fn may_hold_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["pass", "token", "{"]
        .iter()
        .any(|mark| text.contains(mark))
}

/// serde's words for what it wants, in ours.
fn plain_words(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a sequence" => "a list such as [\"a\", \"b\"]",
        other => other,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
