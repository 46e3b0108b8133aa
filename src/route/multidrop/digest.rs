//! By what the copies of one message are known: SHA-256 of what is the same in
//! all of them.

use openssl::sha::Sha256;

use crate::mail::{Field, HeaderBlock};

/// What the sender wrote once for all; trace lines differ from copy to copy.
const FIELDS: [&str; 7] = [
    "From",
    "To",
    "Cc",
    "Date",
    "Subject",
    "Message-ID",
    "List-Id",
];

/// Takes a message in pieces. Without a Message-ID two messages that look the
/// same may be two (a monitor that reports every minute), so then every octet
/// counts.
pub struct CopyDigest(Sha256);

impl CopyDigest {
    /// Begins with the header block. What follows [`HeaderBlock::octets`] goes
    /// to [`CopyDigest::update`].
    pub fn begin(headers: &HeaderBlock) -> CopyDigest {
        let mut digest = CopyDigest(Sha256::new());
        let fields = headers.fields();
        let has_id = |field: &Field| field.is("Message-ID") && !field.text().is_empty();
        if !headers.is_complete() || !fields.iter().any(has_id) {
            digest.0.update(b"octets\n");
            digest.0.update(headers.octets());
            return digest;
        }
        digest.0.update(b"fields\n");
        let mut counted: Vec<(String, &str)> = fields
            .iter()
            .filter(|field| is_counted(field.name()))
            .map(|field| (field.name().to_ascii_lowercase(), field.text()))
            .collect();
        // Stable, so that lines of one name keep their order: some servers sort
        // what they store.
        counted.sort_by(|(name, _), (other, _)| name.cmp(other));
        for (name, text) in counted {
            digest.part(name.as_bytes());
            digest.part(text.as_bytes());
        }
        digest.0.update(b"\nbody\n");
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

    /// With its length, so that no text can pass for two.
    fn part(&mut self, octets: &[u8]) {
        self.0.update(&(octets.len() as u64).to_be_bytes());
        self.0.update(octets);
    }
}

impl std::fmt::Debug for CopyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CopyDigest(..)")
    }
}

fn is_counted(name: &str) -> bool {
    let is_resent = name
        .get(..7)
        .is_some_and(|front| front.eq_ignore_ascii_case("Resent-"));
    is_resent || FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(message: &str) -> [u8; 32] {
        let headers = HeaderBlock::read(message.as_bytes());
        let body = &message.as_bytes()[headers.octets().len()..];
        let by = |step: usize| {
            let mut digest = CopyDigest::begin(&headers);
            body.chunks(step).for_each(|piece| digest.update(piece));
            digest.finish()
        };
        assert_eq!(by(1), by(body.len().max(1)));
        by(3)
    }

    const MESSAGE: &str =
        "Message-ID: <1@x>\r\nTo: anna@example.com,\r\n bob@example.com\r\nDate: x\r\n\r\nbody\r\n";

    #[test]
    fn copies_differ_in_trace_lines_and_folding_only() {
        for (what, copy) in [
            (
                "trace",
                format!("Received: from a by b\r\nX-Envelope-To: bob@example.com\r\n{MESSAGE}"),
            ),
            ("folding", MESSAGE.replace(",\r\n bob", ", bob")),
            ("case of names", MESSAGE.replace("To:", "TO :")),
            (
                "order",
                MESSAGE
                    .replace("Date: x\r\n", "")
                    .replace("Message", "Date: x\r\nMessage"),
            ),
        ] {
            assert_eq!(digest(&copy), digest(MESSAGE), "{what}");
        }
    }

    #[test]
    fn what_the_sender_wrote_tells_messages_apart() {
        let mut digests = vec![digest(MESSAGE)];
        for (field, other) in [
            ("<1@x>", "<2@x>"),
            ("anna@", "carol@"),
            ("Date: x", "Date: y"),
            ("Date: x", "Date: x\r\nFrom: y"),
            ("Date: x", "Date: x\r\nCc: y"),
            ("Date: x", "Date: x\r\nSubject: y"),
            ("Date: x", "Date: x\r\nList-Id: y"),
            ("Date: x", "Date: x\r\nResent-To: y"),
            ("Date: x", "Date: x\r\nResent-From: y"),
            ("body", "Body"),
            ("body\r\n", ""),
            ("\r\n\r\nbody", "\r\nFrom: \r\n\r\nbody"),
        ] {
            digests.push(digest(&MESSAGE.replace(field, other)));
        }
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn without_a_message_id_every_octet_counts() {
        for id in ["", "Message-ID:\r\n"] {
            let message = MESSAGE.replace("Message-ID: <1@x>\r\n", id);
            assert_eq!(digest(&message), digest(&message));
            let traced = format!("Received: from a by b\r\n{message}");
            assert_ne!(digest(&message), digest(&traced));
            let folded = message.replace(",\r\n bob", ", bob");
            assert_ne!(digest(&message), digest(&folded));
        }
    }
}
