//! From tokens to entries: the grammar of a .fetchmailrc.
//!
//! An entry is a server with its options, then users, each with theirs. Which
//! option belongs to which is fixed; one in the wrong place is told, for
//! fetchmail itself refuses such a file.

use super::SyntaxError;
use super::entries::{Options, RunControl, Server, User, Value, Verb, readable};
use super::tokens::{Kind, Token};
use super::words::{Form, GLOBAL, OF_SERVER, OF_USER, form};

/// The count in front of the header's name; no word of the grammar.
pub(super) const ENVELOPE_COUNT: &str = "envelope (count)";

/// Reads all entries.
///
/// # Errors
/// The first token that cannot stand where it stands.
pub(super) fn parse(tokens: &[Token]) -> Result<RunControl, SyntaxError> {
    let mut parser = Parser { tokens, at: 0 };
    let mut file = RunControl::default();
    while let Some(token) = parser.peek() {
        let line = token.line;
        match &token.kind {
            Kind::Word("set") => {
                parser.at += 1;
                parser.read_global(&mut file.globals)?;
            }
            Kind::Word("poll" | "skip" | "defaults") => {
                let server = parser.read_server(line)?;
                file.servers.push(server);
            }
            Kind::Word(_) if !file.servers.is_empty() => return Err(parser.misplaced()),
            _ => return Err(parser.unexpected("an option, poll, skip, defaults or set")),
        }
    }
    Ok(file)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn peek_kind(&self) -> Option<&'a Kind> {
        self.peek().map(|token| &token.kind)
    }

    /// Takes the next token if it is this word.
    fn takes(&mut self, word: &str) -> bool {
        let found = matches!(self.peek_kind(), Some(Kind::Word(next)) if *next == word);
        self.at += usize::from(found);
        found
    }

    fn takes_equals(&mut self) -> bool {
        let found = self.peek_kind() == Some(&Kind::Equals);
        self.at += usize::from(found);
        found
    }

    /// Says what was expected here. What a text says is not repeated.
    fn unexpected(&self, expected: &str) -> SyntaxError {
        let last = self.tokens.last().map_or(1, |token| token.line);
        let found = match self.peek_kind() {
            None => "the file ends here".to_string(),
            Some(Kind::Word(word)) => format!("here stands the word {word}"),
            Some(Kind::Number(_)) => "here stands a number".to_string(),
            Some(Kind::Text(_)) => "here stands some text".to_string(),
            Some(Kind::Equals) => "here stands a =".to_string(),
        };
        let line = self.peek().map_or(last, |token| token.line);
        SyntaxError::new(line, format!("expected {expected}, and {found}"))
    }

    /// The commonest slip: an option of the server behind those of a user.
    fn misplaced(&mut self) -> SyntaxError {
        let start = self.at;
        self.takes("no");
        let error = match self.peek() {
            Some(Token {
                line,
                kind: Kind::Word(word),
            }) if form(&OF_SERVER, word).is_some() => SyntaxError::new(
                *line,
                format!(
                    "{word} is an option of the server and stands behind those of a user; put it in \
                     front of user"
                ),
            ),
            _ => {
                self.at = start;
                self.unexpected("an option, poll, skip, defaults or set")
            }
        };
        self.at = start;
        error
    }

    fn is_behind_equals(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|token| token.kind == Kind::Equals)
    }

    fn text(&mut self, behind: &str) -> Result<Vec<u8>, SyntaxError> {
        match self.peek_kind() {
            Some(Kind::Text(text)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.unexpected(&format!(
                "a text behind {behind} (in quotes, if it is a word or a number)"
            ))),
        }
    }

    fn number(&mut self, behind: &str) -> Result<i64, SyntaxError> {
        // Behind a = every word is a text.
        let number = match self.peek_kind() {
            Some(Kind::Number(number)) => Some(*number),
            Some(Kind::Text(text)) if self.is_behind_equals() => readable(text).parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => {
                self.at += 1;
                Ok(number)
            }
            None => Err(self.unexpected(&format!("a number behind {behind}, without quotes"))),
        }
    }

    fn read_global(&mut self, globals: &mut Options) -> Result<(), SyntaxError> {
        if !self.read_option(&GLOBAL, globals)? {
            return Err(self.unexpected("a word such as daemon or postmaster behind set"));
        }
        Ok(())
    }

    fn read_server(&mut self, line: usize) -> Result<Server, SyntaxError> {
        let verb = match self.peek_kind() {
            Some(Kind::Word("skip")) => Verb::Skip,
            Some(Kind::Word("defaults")) => Verb::Defaults,
            _ => Verb::Poll,
        };
        self.at += 1;
        let name = match verb {
            Verb::Defaults => "defaults".to_string(),
            Verb::Poll => readable(&self.text("poll")?),
            Verb::Skip => readable(&self.text("skip")?),
        };
        let mut server = Server {
            line,
            verb,
            name,
            options: Options::default(),
            users: Vec::new(),
        };
        while self.read_option(&OF_SERVER, &mut server.options)? {}
        let mut nameless = User {
            line,
            ..User::default()
        };
        if self.read_user_options(&mut nameless)? {
            server.users.push(nameless);
            if let Some(Kind::Word("user")) = self.peek_kind() {
                return Err(
                    self.unexpected("the options of a user behind user, not in front of it")
                );
            }
        }
        while let Some(Kind::Word("user")) = self.peek_kind() {
            let user = self.read_user()?;
            server.users.push(user);
        }
        Ok(server)
    }

    /// `user NAME`, `user NAME there`, or `user LOCAL NAMES here`.
    fn read_user(&mut self) -> Result<User, SyntaxError> {
        let mut user = User {
            line: self.peek().map_or(0, |token| token.line),
            ..User::default()
        };
        self.at += 1;
        let names = self.read_names("user")?;
        match names.as_slice() {
            _ if self.takes("here") => user.take_local(names),
            [(name, None)] => {
                self.takes("there");
                user.remote = Some(name.clone());
            }
            _ => return Err(self.unexpected("here behind several names of a user")),
        }
        self.read_user_options(&mut user)?;
        Ok(user)
    }

    /// Whether there were any.
    fn read_user_options(&mut self, user: &mut User) -> Result<bool, SyntaxError> {
        let start = self.at;
        loop {
            match self.peek_kind() {
                Some(Kind::Word(word @ ("is" | "to"))) => {
                    self.at += 1;
                    let names = self.read_names(word)?;
                    match names.as_slice() {
                        [(name, None)] if *word == "is" && self.takes("there") => {
                            user.remote = Some(name.clone());
                        }
                        _ => {
                            self.takes("here");
                            user.take_local(names);
                        }
                    }
                }
                _ if self.read_option(&OF_USER, &mut user.options)? => {}
                _ => break,
            }
        }
        Ok(self.at > start)
    }

    /// `NAME`, `NAME=NAME`, at least one.
    fn read_names(&mut self, behind: &str) -> Result<Vec<(String, Option<String>)>, SyntaxError> {
        let mut names = Vec::new();
        let mut name = self.text(behind)?;
        loop {
            let local = match self.takes_equals() {
                true => Some(readable(&self.text("=")?)),
                false => None,
            };
            names.push((readable(&name), local));
            match self.peek_kind() {
                Some(Kind::Text(next)) => {
                    self.at += 1;
                    name.clone_from(next);
                }
                _ => return Ok(names),
            }
        }
    }

    /// Reads one option of these. False if here is none of them.
    fn read_option(
        &mut self,
        known: &[(&'static str, Form)],
        options: &mut Options,
    ) -> Result<bool, SyntaxError> {
        let start = self.at;
        let no = self.takes("no");
        let Some(Kind::Word(word)) = self.peek_kind() else {
            return self.none_here(no, start);
        };
        let Some((name, form)) = form(known, word) else {
            return self.none_here(false, start);
        };
        let line = self.peek().map_or(0, |token| token.line);
        if no && !matches!(form, Form::Switch | Form::Envelope) {
            return Err(self.unexpected("an option that can be switched off behind no"));
        }
        self.at += 1;
        if no {
            options.set(name, line, Value::Off);
        } else if form == Form::Envelope {
            self.read_envelope(line, options)?;
        } else {
            let value = self.read_value(name, form)?;
            options.set(name, line, value);
        }
        Ok(true)
    }

    /// How many such headers to skip, and its name.
    fn read_envelope(&mut self, line: usize, options: &mut Options) -> Result<(), SyntaxError> {
        options.0.remove(ENVELOPE_COUNT);
        if let Some(Kind::Number(count)) = self.peek_kind() {
            self.at += 1;
            options.set(ENVELOPE_COUNT, line, Value::Number(*count));
        }
        let header = self.text("envelope")?;
        options.set("envelope", line, Value::Text(header));
        Ok(())
    }

    fn none_here(&mut self, no: bool, start: usize) -> Result<bool, SyntaxError> {
        if no {
            return Err(self.unexpected("the word of an option behind no"));
        }
        self.at = start;
        Ok(false)
    }

    fn read_value(&mut self, name: &str, form: Form) -> Result<Value, SyntaxError> {
        if GLOBAL.iter().any(|global| global.0 == name) {
            // `set daemon = 300`: the = means nothing.
            self.takes_equals();
        }
        Ok(match form {
            Form::Switch | Form::Envelope | Form::Names => Value::On,
            Form::Text => Value::Text(self.text(name)?),
            Form::Number => Value::Number(self.number(name)?),
            Form::TextOrNumber => match self.peek_kind() {
                Some(Kind::Number(_)) => Value::Number(self.number(name)?),
                _ => Value::Text(self.text(name)?),
            },
            Form::List => {
                let mut texts = vec![self.text(name)?];
                while let Some(Kind::Text(_)) = self.peek_kind() {
                    texts.push(self.text(name)?);
                }
                Value::List(texts)
            }
            Form::Numbers => {
                self.number(name)?;
                while let Some(Kind::Number(_)) = self.peek_kind() {
                    self.at += 1;
                }
                Value::On
            }
        })
    }
}

impl User {
    fn take_local(&mut self, names: Vec<(String, Option<String>)>) {
        for (name, local) in names {
            match (name.as_str(), local) {
                ("*", None) => self.wildcard = true,
                (_, local) => self.local.push((name, local)),
            }
        }
    }
}
