//! Command lines, parsed.
//!
//! A name in any case, then arguments behind one or more spaces; spaces at the
//! end are tolerated, further arguments are not. PASS alone takes everything
//! behind its first space (RFC 1939 §7).

use super::fault::Fault;
use super::limits::INITIAL_RESPONSE_LINE_MAX;
use crate::wire::Secret;

/// A command with its arguments. Numbers are message-numbers as the client
/// wrote them, valid or not.
#[derive(Debug)]
pub(super) enum Command {
    User(String),
    Pass(Secret),
    Auth(Option<Auth>),
    Stls,
    Utf8,
    Capa,
    Noop,
    Quit,
    Stat,
    Rset,
    Numbered(Numbered),
}

/// A command that speaks of messages by their numbers, and so needs the scan
/// listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbered {
    List(Option<u64>),
    Uidl(Option<u64>),
    Retr(u64),
    Top { number: u64, body_lines: u64 },
    Dele(u64),
}

/// AUTH with a mechanism.
#[derive(Debug)]
pub(super) struct Auth {
    pub(super) mechanism: String,
    /// In BASE64, or `=` for an empty one (RFC 5034 §4).
    pub(super) initial_response: Option<Secret>,
}

/// Reads a line without its line end. The line may hold a password, so that no
/// fault repeats any of it.
pub(super) fn parse(line: &[u8]) -> Result<Command, Fault> {
    let (name, argument) = match line.iter().position(|&octet| octet == b' ') {
        Some(at) => (
            line.get(..at).unwrap_or_default(),
            line.get(at + 1..).unwrap_or_default(),
        ),
        None => (line, &b""[..]),
    };
    let arguments = Arguments(argument);
    let name = name.to_ascii_uppercase();
    match name.as_slice() {
        b"USER" => arguments.user(),
        b"PASS" => Ok(Command::Pass(Secret::new(argument.to_vec()))),
        b"AUTH" => arguments.auth(line.len()),
        b"STLS" => arguments.none("STLS", Command::Stls),
        b"UTF8" => arguments.none("UTF8", Command::Utf8),
        b"CAPA" => arguments.none("CAPA", Command::Capa),
        b"NOOP" => arguments.none("NOOP", Command::Noop),
        b"QUIT" => arguments.none("QUIT", Command::Quit),
        b"STAT" => arguments.none("STAT", Command::Stat),
        b"RSET" => arguments.none("RSET", Command::Rset),
        b"LIST" | b"UIDL" | b"RETR" | b"DELE" | b"TOP" => {
            parse_numbered(&name, &arguments).map(Command::Numbered)
        }
        _ => Err(Fault::UnknownCommand),
    }
}

fn parse_numbered(name: &[u8], arguments: &Arguments<'_>) -> Result<Numbered, Fault> {
    Ok(match name {
        b"LIST" => Numbered::List(arguments.optional_number("LIST [number]")?),
        b"UIDL" => Numbered::Uidl(arguments.optional_number("UIDL [number]")?),
        b"RETR" => Numbered::Retr(arguments.number("RETR number")?),
        b"DELE" => Numbered::Dele(arguments.number("DELE number")?),
        _ => arguments.top()?,
    })
}

/// What stands behind the command's name.
struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    fn each(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let pieces = self.0.split(|&octet| octet == b' ');
        pieces.filter(|piece| !piece.is_empty())
    }

    fn none(&self, syntax: &'static str, command: Command) -> Result<Command, Fault> {
        match self.each().next() {
            None => Ok(command),
            Some(_) => Err(Fault::Syntax(syntax)),
        }
    }

    fn number(&self, syntax: &'static str) -> Result<u64, Fault> {
        self.optional_number(syntax)?.ok_or(Fault::Syntax(syntax))
    }

    fn optional_number(&self, syntax: &'static str) -> Result<Option<u64>, Fault> {
        let mut each = self.each();
        match (each.next(), each.next()) {
            (None, _) => Ok(None),
            (Some(number), None) => parse_number(number).map(Some),
            (Some(_), Some(_)) => Err(Fault::Syntax(syntax)),
        }
    }

    fn top(&self) -> Result<Numbered, Fault> {
        let mut each = self.each();
        match (each.next(), each.next(), each.next()) {
            (Some(number), Some(lines), None) => Ok(Numbered::Top {
                number: parse_number(number)?,
                body_lines: parse_number(lines)?,
            }),
            _ => Err(Fault::Syntax("TOP number lines")),
        }
    }

    /// A name may hold spaces within; which names exist is not known here.
    fn user(&self) -> Result<Command, Fault> {
        let name = self.0.trim_ascii();
        if name.is_empty() {
            return Err(Fault::Syntax("USER name"));
        }
        let name = str::from_utf8(name).map_err(|_| Fault::NameNotUtf8)?;
        Ok(Command::User(name.to_owned()))
    }

    fn auth(&self, line_octets: usize) -> Result<Command, Fault> {
        const SYNTAX: Fault = Fault::Syntax("AUTH [mechanism [initial-response]]");
        let mut each = self.each();
        let (Some(mechanism), response) = (each.next(), each.next()) else {
            return Ok(Command::Auth(None));
        };
        if each.next().is_some() {
            return Err(SYNTAX);
        }
        if response.is_some() && line_octets > INITIAL_RESPONSE_LINE_MAX {
            return Err(Fault::InitialResponseTooLong);
        }
        Ok(Command::Auth(Some(Auth {
            mechanism: String::from_utf8_lossy(mechanism).to_ascii_uppercase(),
            initial_response: response.map(|octets| Secret::new(octets.to_vec())),
        })))
    }
}

/// Digits and nothing else: no sign, no other sign of a number, no overflow
/// that would let 4294967297 name message 1.
fn parse_number(digits: &[u8]) -> Result<u64, Fault> {
    let mut number: u64 = 0;
    for octet in digits {
        if !octet.is_ascii_digit() {
            return Err(Fault::Number);
        }
        let digit = u64::from(octet - b'0');
        let tens = number.checked_mul(10).ok_or(Fault::Number)?;
        number = tens.checked_add(digit).ok_or(Fault::Number)?;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let found = match parse(line.as_bytes()) {
            Ok(Command::Pass(password)) => {
                format!("Pass({:?})", str::from_utf8(password.octets()).unwrap())
            }
            Ok(Command::Auth(Some(auth))) => {
                let response = auth.initial_response.as_ref();
                let response = response.map(|it| str::from_utf8(it.octets()).unwrap());
                format!("Auth({}, {response:?})", auth.mechanism)
            }
            Ok(Command::Numbered(command)) => format!("{command:?}"),
            Ok(command) => format!("{command:?}"),
            Err(fault) => format!("Err({fault:?})"),
        };
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn commands_that_are_wrong_are_told_apart() {
        check("", "Err(UnknownCommand)");
        check(" NOOP", "Err(UnknownCommand)");
        check("NOOPS", "Err(UnknownCommand)");
        check("NOOP\0", "Err(UnknownCommand)");
        check("NOOP\t", "Err(UnknownCommand)");
        check("GET / HTTP/1.1", "Err(UnknownCommand)");
        check("APOP anna 0123", "Err(UnknownCommand)");
        check("LANG", "Err(UnknownCommand)");
        check("XTND XMIT", "Err(UnknownCommand)");
        check("STAT 1", r#"Err(Syntax("STAT"))"#);
        check("QUIT now", r#"Err(Syntax("QUIT"))"#);
        check("RETR", r#"Err(Syntax("RETR number"))"#);
        check("RETR ", r#"Err(Syntax("RETR number"))"#);
        check("DELE 1 2", r#"Err(Syntax("DELE number"))"#);
        check("LIST 1 2", r#"Err(Syntax("LIST [number]"))"#);
        check("TOP 1", r#"Err(Syntax("TOP number lines"))"#);
        check("TOP 1 2 3", r#"Err(Syntax("TOP number lines"))"#);
        check("USER", r#"Err(Syntax("USER name"))"#);
        check("USER   ", r#"Err(Syntax("USER name"))"#);
    }

    #[test]
    fn numbers_are_digits_without_sign_or_overflow() {
        for wrong in [
            "-1",
            "+1",
            "1x",
            "x1",
            "0x1",
            "1.",
            "1,0",
            "1\t",
            "١",
            "\0",
            "1-2",
            "18446744073709551616",
            "99999999999999999999999",
            "184467440737095516150",
            "１",
            &"9".repeat(400),
        ] {
            check(&format!("RETR {wrong}"), "Err(Number)");
            check(&format!("LIST {wrong}"), "Err(Number)");
            check(&format!("TOP {wrong} 0"), "Err(Number)");
            check(&format!("TOP 1 {wrong}"), "Err(Number)");
        }
        check("RETR 0", "Retr(0)");
        check("RETR 007", "Retr(7)");
        check("RETR 2147483648", "Retr(2147483648)");
        check("RETR 4294967297", "Retr(4294967297)");
        check("RETR 9223372036854775808", "Retr(9223372036854775808)");
        check("RETR 18446744073709551615", "Retr(18446744073709551615)");
    }

    #[test]
    fn names_come_in_any_case_and_spaces_do_not_matter() {
        check("noop", "Noop");
        check("StAt  ", "Stat");
        check("list", "List(None)");
        check("LIST ", "List(None)");
        check("uidl   3  ", "Uidl(Some(3))");
        check("top  2   10 ", "Top { number: 2, body_lines: 10 }");
        check("user  anna  ", r#"User("anna")"#);
        check("USER jürgen@example.com", r#"User("jürgen@example.com")"#);
    }

    #[test]
    fn a_password_is_everything_behind_the_first_space() {
        check("PASS", r#"Pass("")"#);
        check("PASS ", r#"Pass("")"#);
        check("PASS  two  words ", r#"Pass(" two  words ")"#);
        check("pass Grün\0", r#"Pass("Grün\0")"#);
    }

    #[test]
    fn auth_has_a_mechanism_and_perhaps_a_response() {
        check("AUTH", "Auth(None)");
        check("AUTH  ", "Auth(None)");
        check("auth plain", "Auth(PLAIN, None)");
        check("AUTH LOGIN =", r#"Auth(LOGIN, Some("="))"#);
        check(
            "AUTH PLAIN a b",
            r#"Err(Syntax("AUTH [mechanism [initial-response]]"))"#,
        );
        let response = "A".repeat(242);
        check(
            &format!("AUTH PLAIN {response}"),
            &format!("Auth(PLAIN, Some({response:?}))"),
        );
        check(
            &format!("AUTH PLAIN {response}A"),
            "Err(InitialResponseTooLong)",
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_is_refused() {
        assert!(matches!(parse(b"USER j\xfcrgen"), Err(Fault::NameNotUtf8)));
        assert!(matches!(parse(b"PASS gr\xfcn"), Ok(Command::Pass(_))));
    }
}
