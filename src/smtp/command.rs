//! Command lines, parsed (RFC 5321 §4.1.1).

use std::str;

use crate::mail::{AddressError, Recipient, ReversePath};

use super::path::{self, PathText};

/// A command whose syntax is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Helo(String),
    Ehlo(String),
    Mail(ReversePath, MailParameters),
    Rcpt(Recipient, Spelling),
    Data,
    Bdat(Chunk),
    Rset,
    Noop,
    Vrfy,
    Help,
    Expn,
    Etrn,
    Auth,
    StartTls,
    Quit,
}

/// Parameters of MAIL. BODY is read and not kept: content is never converted,
/// so that it makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MailParameters {
    /// SIZE (RFC 1870).
    pub(super) size: Option<u64>,
    /// SMTPUTF8 (RFC 6531).
    pub(super) utf8: bool,
}

/// Whether an address was written in ASCII alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Ascii,
    Utf8,
}

/// BDAT's arguments (RFC 3030 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) octets: u64,
    pub(super) last: bool,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CommandError {
    /// No such command.
    Unknown,
    /// An HTTP request.
    WebRequest,
    /// A NUL, a CR or the like.
    ControlOctet,
    /// Missing or superfluous arguments; the right way to write it.
    Usage(&'static str),
    /// BDAT without a number that can be counted to.
    ChunkSize,
    /// BDAT with a size and something that is not LAST: the octets come.
    ChunkArguments(u64),
    /// The path of MAIL.
    Sender(AddressError),
    /// The path of RCPT.
    Recipient(AddressError),
    /// Letters beyond ASCII without SMTPUTF8, or not in UTF-8.
    NeedsUtf8,
    /// A parameter that no extension of ours has.
    ParameterUnknown,
    /// A parameter with a value that it cannot have, or twice.
    ParameterSyntax(&'static str),
    /// BODY=BINARYMIME (RFC 3030 §3).
    BinaryMime,
}

/// Parses a line without its line end.
pub(super) fn parse(line: &[u8]) -> Result<Command, CommandError> {
    let line = line.trim_ascii_end();
    let verb_octets = line
        .iter()
        .position(|&octet| octet == b' ' || octet == b'\t');
    let (verb, argument) = line.split_at(verb_octets.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    let verb = verb.to_ascii_uppercase();
    // Their text refuses nobody (RFC 5321 §4.1.4), not even with a C program's
    // NUL in it.
    match verb.as_slice() {
        b"EHLO" => return Ok(Command::Ehlo(lossy(argument))),
        b"HELO" => return Ok(Command::Helo(lossy(argument))),
        b"BDAT" => return chunk(argument).map(Command::Bdat),
        _ => {}
    }
    if line
        .iter()
        .any(|&octet| octet.is_ascii_control() && octet != b'\t')
    {
        return Err(CommandError::ControlOctet);
    }
    let alone = |command, usage| match argument {
        b"" => Ok(command),
        _ => Err(CommandError::Usage(usage)),
    };
    match verb.as_slice() {
        b"MAIL" => mail(argument),
        b"RCPT" => rcpt(argument),
        b"DATA" => alone(Command::Data, "DATA"),
        b"RSET" => alone(Command::Rset, "RSET"),
        b"QUIT" => alone(Command::Quit, "QUIT"),
        b"STARTTLS" => alone(Command::StartTls, "STARTTLS"),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" if argument.is_empty() => Err(CommandError::Usage("VRFY address")),
        b"VRFY" => Ok(Command::Vrfy),
        b"EXPN" => Ok(Command::Expn),
        b"ETRN" => Ok(Command::Etrn),
        b"AUTH" => Ok(Command::Auth),
        _ if is_web_request(argument) => Err(CommandError::WebRequest),
        _ => Err(CommandError::Unknown),
    }
}

/// Whether a line that cannot be taken for a command was meant to be BDAT.
pub(super) fn is_chunk(line: &[u8]) -> bool {
    line.get(..4)
        .is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
}

fn mail(argument: &[u8]) -> Result<Command, CommandError> {
    let text = str::from_utf8(argument).map_err(|_| CommandError::NeedsUtf8)?;
    let usage = CommandError::Usage("MAIL FROM:<address> or MAIL FROM:<>");
    let PathText { path, parameters } = path::split(text, "FROM").ok_or(usage)?;
    let reverse_path = path::reverse_path(path).map_err(CommandError::Sender)?;
    let parameters = mail_parameters(parameters)?;
    if !path.is_ascii() && !parameters.utf8 {
        return Err(CommandError::NeedsUtf8);
    }
    Ok(Command::Mail(reverse_path, parameters))
}

fn rcpt(argument: &[u8]) -> Result<Command, CommandError> {
    let text = str::from_utf8(argument).map_err(|_| CommandError::NeedsUtf8)?;
    let usage = CommandError::Usage("RCPT TO:<address>");
    let PathText { path, parameters } = path::split(text, "TO").ok_or(usage)?;
    let recipient = path::recipient(path).map_err(CommandError::Recipient)?;
    if !parameters.is_empty() {
        return Err(CommandError::ParameterUnknown);
    }
    let spelling = match path.is_ascii() {
        true => Spelling::Ascii,
        false => Spelling::Utf8,
    };
    Ok(Command::Rcpt(recipient, spelling))
}

fn mail_parameters(text: &str) -> Result<MailParameters, CommandError> {
    let mut parameters = MailParameters::default();
    let mut body_named = false;
    for parameter in text.split_ascii_whitespace() {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        };
        match name.to_ascii_uppercase().as_str() {
            "SIZE" if parameters.size.is_none() => {
                let size = value.and_then(declared_size);
                parameters.size = Some(size.ok_or(CommandError::ParameterSyntax("SIZE"))?);
            }
            "SMTPUTF8" if !parameters.utf8 && value.is_none() => parameters.utf8 = true,
            "BODY" if !body_named => {
                body_named = true;
                check_body(value)?;
            }
            "SIZE" => return Err(CommandError::ParameterSyntax("SIZE")),
            "SMTPUTF8" => return Err(CommandError::ParameterSyntax("SMTPUTF8")),
            "BODY" => return Err(CommandError::ParameterSyntax("BODY")),
            _ => return Err(CommandError::ParameterUnknown),
        }
    }
    Ok(parameters)
}

/// RFC 6152 §3, RFC 3030 §3.
fn check_body(value: Option<&str>) -> Result<(), CommandError> {
    match value.map(str::to_ascii_uppercase).as_deref() {
        Some("7BIT" | "8BITMIME") => Ok(()),
        Some("BINARYMIME") => Err(CommandError::BinaryMime),
        _ => Err(CommandError::ParameterSyntax("BODY")),
    }
}

/// 1 to 20 digits (RFC 1870 §4). What 64 bits cannot hold is only too large,
/// not wrong.
fn declared_size(value: &str) -> Option<u64> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

fn chunk(argument: &[u8]) -> Result<Chunk, CommandError> {
    let mut words = argument.split(|&octet| octet == b' ' || octet == b'\t');
    let size = words.next().unwrap_or_default();
    let digits = !size.is_empty() && size.iter().all(u8::is_ascii_digit);
    let size = str::from_utf8(size).ok().filter(|_| digits);
    let octets: u64 = size
        .and_then(|size| size.parse().ok())
        .ok_or(CommandError::ChunkSize)?;
    let mut words = words.filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (None, _) => Ok(Chunk {
            octets,
            last: false,
        }),
        (Some(last), None) if last.eq_ignore_ascii_case(b"LAST") => {
            Ok(Chunk { octets, last: true })
        }
        _ => Err(CommandError::ChunkArguments(octets)),
    }
}

/// `GET / HTTP/1.1`: a browser may be made to send mail commands behind it.
fn is_web_request(argument: &[u8]) -> bool {
    let last = argument.rsplit(|&octet| octet == b' ').next();
    last.is_some_and(|word| word.starts_with(b"HTTP/"))
}

/// For people's eyes and the trace line, which takes host names only.
fn lossy(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.replace(|c: char| c.is_control(), "?")
}

#[cfg(test)]
mod tests;
