//! By what a message is known where its unique-id cannot be trusted: SHA-256 of
//! its octets, but for the lines in which servers note what was done with it.

use openssl::sha::Sha256;

use super::fields::HeaderBlock;

/// Fields that a server adds or changes while a message lies in its mailbox.
const CHANGING: [&str; 5] = ["Status", "X-Status", "X-UID", "X-UIDL", "X-Keywords"];

/// Takes a message in pieces.
pub struct MessageDigest(Sha256);

impl MessageDigest {
    /// Begins with the header block. What follows [`HeaderBlock::octets`] goes
    /// to [`MessageDigest::update`].
    pub fn begin(headers: &HeaderBlock) -> MessageDigest {
        let mut digest = MessageDigest(Sha256::new());
        let mut is_changing = false;
        for line in headers.octets().split_inclusive(|octet| *octet == b'\n') {
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                is_changing = names_one_of(line);
            }
            if !is_changing {
                digest.0.update(line);
            }
        }
        digest
    }

    /// Takes the octets behind the header block, cut anywhere.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

impl std::fmt::Debug for MessageDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageDigest(..)")
    }
}

fn names_one_of(line: &[u8]) -> bool {
    let colon = line.iter().position(|octet| *octet == b':');
    let name = colon.and_then(|colon| line.get(..colon));
    name.is_some_and(|name| {
        let name = name.trim_ascii_end();
        let is = |changing: &&str| name.eq_ignore_ascii_case(changing.as_bytes());
        CHANGING.iter().any(is)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(message: &str) -> [u8; 32] {
        let headers = HeaderBlock::read(message.as_bytes());
        let mut digest = MessageDigest::begin(&headers);
        digest.update(&message.as_bytes()[headers.octets().len()..]);
        digest.finish()
    }

    const MESSAGE: &str = "From: a\r\nSubject: b\r\n c\r\n\r\nStatus: body\r\n";

    #[test]
    fn what_a_server_notes_does_not_count() {
        for note in [
            "Status: RO\r\n",
            "STATUS : R\r\n",
            "X-Status: A\r\n",
            "X-UID: 7\r\n\t8\r\n",
            "X-UIDL: x\r\n y\r\n",
            "X-Keywords:\r\n",
        ] {
            assert_eq!(digest(&format!("{note}{MESSAGE}")), digest(MESSAGE));
            let below = MESSAGE.replace("\r\n\r\n", &format!("\r\n{note}\r\n"));
            assert_eq!(digest(&below), digest(MESSAGE), "{note:?}");
        }
    }

    #[test]
    fn everything_else_counts() {
        for other in [
            MESSAGE.replace("From: a", "From: b"),
            MESSAGE.replace(" c", " d"),
            MESSAGE.replace("Status: body", "Status: Body"),
            format!("X-Status-Line: a\r\n{MESSAGE}"),
            format!("Received: a\r\n{MESSAGE}"),
            MESSAGE.replace("Subject: b", "Status: b"),
        ] {
            assert_ne!(digest(&other), digest(MESSAGE), "{other:?}");
        }
    }
}
