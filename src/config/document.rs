//! One TOML file as text: from a place in it to its line and its excerpt.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::de::Deserializer;

use super::error::ConfigurationError;

/// The longest piece of a file that an error repeats, in characters.
const EXCERPT_MAX: usize = 60;

/// A file's text, and the name that errors give it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
}

impl<'a> Document<'a> {
    /// A byte order mark, as Windows editors write it, is no text.
    pub(super) fn new(file: &'a Path, text: &'a str) -> Document<'a> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Document { file, text }
    }

    /// Reads the whole text as `T`.
    ///
    /// # Errors
    /// The first fault, of the syntax or of a value.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigurationError> {
        let syntax_error = |error: toml::de::Error| {
            let message = format!("not TOML: {}", one_line(error.message()));
            match error.span() {
                Some(span) => self.error_at(span.start, message),
                None => ConfigurationError::of_file(self.file, message),
            }
        };
        let deserializer = Deserializer::parse(self.text).map_err(syntax_error)?;
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

    /// `key = found`, where both stand in one line. What stands beside the
    /// word password is not repeated: an error goes into the log.
    fn excerpt(&self, span: &Range<usize>) -> String {
        let found = self.text.get(span.clone()).unwrap_or_default();
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let key = match line.trim_end().strip_suffix('=') {
            Some(keys) => keys.trim_end().rsplit([' ', '\t', '{', ',']).next(),
            None => line.split_once('=').map(|(key, _)| key.trim()),
        };
        if line.contains("password") {
            return "password".to_string();
        }
        let first_line = found.lines().next().unwrap_or_default();
        let mut found: String = first_line.chars().take(EXCERPT_MAX).collect();
        if found.len() < first_line.len() || first_line.len() < found.trim_end().len() {
            found.push('…');
        }
        match key {
            Some(key) if !key.is_empty() => format!("{key} = {found}"),
            _ => found,
        }
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
            let message = format!(
                "\"{field}\" is not known here; known are {}",
                known.join(", ")
            );
            return self.error_at(span.start, message);
        }
        let expected = match message.split_once("expected ") {
            Some((_, expected)) => format!("expected {}", plain_words(expected)),
            None => message,
        };
        self.error(span, &expected)
    }
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
