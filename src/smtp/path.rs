//! Paths of MAIL and RCPT (RFC 5321 §4.1.2), read as devices write them.

use crate::mail::{Address, AddressError, Recipient, ReversePath};

/// A path and the parameters behind it, as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathText<'a> {
    /// Without angle brackets and source route.
    pub(super) path: &'a str,
    /// What follows it.
    pub(super) parameters: &'a str,
}

/// Splits `FROM:<path> parameters`. Taken as well: spaces around the colon and
/// a path without angle brackets, as scanners and alarms send them. `None` if
/// it is nothing of the kind.
pub(super) fn split<'a>(argument: &'a str, keyword: &str) -> Option<PathText<'a>> {
    let (word, rest) = argument.split_once(':')?;
    if !word.trim().eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = rest.trim();
    let (path, parameters) = match rest.strip_prefix('<') {
        Some(inside) => {
            let end = unquoted(inside, |c| c == '>')?;
            let (path, after) = inside.split_at(end);
            (path.trim(), after.strip_prefix('>')?)
        }
        None => rest.split_at(unquoted(rest, |c| c == ' ' || c == '\t').unwrap_or(rest.len())),
    };
    let bracketed = rest.starts_with('<');
    let apart = parameters.is_empty() || parameters.starts_with([' ', '\t']);
    if !apart || (path.is_empty() && !bracketed) {
        return None;
    }
    Some(PathText {
        path: without_route(path),
        parameters: parameters.trim(),
    })
}

/// The path of MAIL.
pub(super) fn reverse_path(path: &str) -> Result<ReversePath, AddressError> {
    match path {
        "" => Ok(ReversePath::Null),
        path => Address::parse(path).map(ReversePath::Address),
    }
}

/// The path of RCPT; `postmaster` needs no domain (RFC 5321 §4.5.1).
pub(super) fn recipient(path: &str) -> Result<Recipient, AddressError> {
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Recipient::Postmaster);
    }
    Address::parse(path).map(Recipient::Address)
}

/// Drops `@a,@b:` (RFC 5321 §4.1.1.3: a server may, and appendix C: should).
/// The address behind it is judged like any other.
fn without_route(path: &str) -> &str {
    if !path.starts_with('@') {
        return path;
    }
    path.split_once(':').map_or(path, |(_, address)| address)
}

/// Where the first character outside of quotes stands that is looked for.
fn unquoted(text: &str, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && wanted(c) => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_is_told_apart() {
        for argument in [
            "",
            "FROM",
            "FROM:",
            "FROM: ",
            "TO:<a@b>",
            "FROM<a@b>",
            "FROM:<a@b",
            "FROM:<\"a@b>",
            "FROM:<a@b>SIZE=1",
            "FROM:<a@b>>",
        ] {
            assert_eq!(split(argument, "FROM"), None, "{argument}");
        }
    }

    #[test]
    fn paths_are_read_as_devices_write_them() {
        for (argument, path, parameters) in [
            ("FROM:<a@b>", "a@b", ""),
            ("from: <a@b> ", "a@b", ""),
            ("FROM : <a@b>", "a@b", ""),
            ("FROM: a@b", "a@b", ""),
            ("FROM:a@b SIZE=1", "a@b", "SIZE=1"),
            (
                "FROM:< a@b >\tSIZE=1  BODY=7BIT",
                "a@b",
                "SIZE=1  BODY=7BIT",
            ),
            ("FROM:<>", "", ""),
            ("FROM:<> SIZE=1", "", "SIZE=1"),
            ("FROM:<\"a>b\\\"> c\"@d>", "\"a>b\\\"> c\"@d", ""),
            ("FROM:\"a b\"@c SIZE=1", "\"a b\"@c", "SIZE=1"),
            ("FROM:<@a,@b:c@d>", "c@d", ""),
            ("FROM:<@a:>", "", ""),
            ("FROM:<@a>", "@a", ""),
        ] {
            let expected = PathText { path, parameters };
            assert_eq!(split(argument, "FROM"), Some(expected), "{argument}");
        }
    }

    #[test]
    fn postmaster_needs_no_domain_in_any_case() {
        assert_eq!(recipient("PostMaster"), Ok(Recipient::Postmaster));
        assert_eq!(recipient(""), Err(AddressError::NoDomain));
        assert_eq!(recipient("anna"), Err(AddressError::NoDomain));
    }
}
