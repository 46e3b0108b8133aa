//! Files that a `[[provider]]` names: passwords and certificates. What is read
//! is never repeated in an error.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::net::tls::Certificate;

/// A larger file is the wrong one: passwords have tens of octets, and a bundle
/// of all CAs that there are has 300 KB.
const PASSWORD_OCTETS_MAX: u64 = 4096;
const CERTIFICATES_OCTETS_MAX: u64 = 1 << 20;

/// Reads the password that a file holds. One line end behind it is not part of
/// it, nor is a byte order mark.
///
/// # Errors
/// In words, what is wrong with the file and how to mend it.
pub(super) fn read_password(file: &Path) -> Result<Vec<u8>, String> {
    let text = read(file, PASSWORD_OCTETS_MAX).map_err(|error| {
        let mend = match error.kind() {
            io::ErrorKind::NotFound => "; put the password into it, and let nobody else read it",
            io::ErrorKind::PermissionDenied => "; it must be readable for the hub's user",
            io::ErrorKind::FileTooLarge => "; it is to hold the password and nothing else",
            _ => "",
        };
        format!("{} cannot be read: {error}{mend}", file.display())
    })?;
    let line = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(format!(
            "{} is empty; put the password into it",
            file.display()
        ));
    }
    if !is_usable(line) {
        let file = file.display();
        return Err(format!(
            "{file} has more than one line; it is to hold the password and nothing else"
        ));
    }
    Ok(line.to_vec())
}

/// Whether POP3 can carry it: in one line (RFC 1939 §3).
pub(super) fn is_usable(secret: &[u8]) -> bool {
    !secret.is_empty()
        && !secret
            .iter()
            .any(|octet| matches!(octet, b'\r' | b'\n' | 0))
}

/// Reads the certificates that a file holds, as PEM.
///
/// # Errors
/// In words, what is wrong with the file and how to mend it.
pub(super) fn read_certificates(file: &Path) -> Result<Vec<u8>, String> {
    let expected = "the certificate (PEM) of the CA to trust";
    let pem = read(file, CERTIFICATES_OCTETS_MAX);
    let pem = pem.map_err(|error| {
        let file = file.display();
        format!("{file} cannot be read: {error}; it is to hold {expected}")
    })?;
    match Certificate::from_pem(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err(format!(
            "{} has no readable certificate in it; it is to hold {expected}",
            file.display()
        )),
    }
}

/// Reads a file that is a file: a pipe would keep the hub waiting.
fn read(file: &Path, octets_max: u64) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut octets = Vec::new();
    File::open(file)?
        .take(octets_max + 1)
        .read_to_end(&mut octets)?;
    match octets.len() as u64 > octets_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {octets_max} octets"),
        )),
        false => Ok(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_password_file_holds_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("main");
        for (content, expected) in [
            ("secret", Some("secret")),
            ("secret\n", Some("secret")),
            ("\u{feff}secret\r\n", Some("secret")),
            (" se cret ", Some(" se cret ")),
            ("secret\n\n", None),
            ("secret\nmore", None),
            ("se\0cret", None),
            ("\r\n", None),
            ("", None),
            (&"s".repeat(4097), None),
        ] {
            fs::write(&file, content).unwrap();
            let found = read_password(&file);
            let octets = found.as_deref().ok();
            assert_eq!(octets, expected.map(str::as_bytes), "{content:?}");
            if let Err(error) = found {
                assert!(!error.contains("secret"), "{error}");
            }
        }
        assert!(
            read_password(folder.path())
                .unwrap_err()
                .contains("no file")
        );
    }
}
