//! `dovecot-uidlist`: under which unique-id Dovecot shows a message by POP3.

use std::collections::{BTreeMap, BTreeSet};

/// The list of one Maildir, in version 3.
///
/// ```text
/// 3 V1795425300 N3
/// 1 Pk3j… :1795425300.1abcV2.post.example.com,S=57,W=60
/// ```
/// V is drawn once; N is the next number; P is the unique-id that POP3 shows, so
/// that a PC does not fetch again what it has seen here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidList {
    validity: u32,
    next: u32,
    /// Behind the validity and the next number: what a server has added.
    header: String,
    /// By number: the fields, and the file's name without flags.
    lines: BTreeMap<u32, (String, String)>,
    names: BTreeSet<String>,
}

impl UidList {
    /// A new list, made now.
    pub fn new(now: i64) -> UidList {
        UidList {
            validity: u32::try_from(now).unwrap_or(1),
            next: 1,
            header: String::new(),
            lines: BTreeMap::new(),
            names: BTreeSet::new(),
        }
    }

    /// Reads a list that is there. `None`: it is of a form that is not known.
    pub fn read(text: &str) -> Option<UidList> {
        let mut lines = text.lines();
        let mut head = lines.next()?.split(' ');
        (head.next() == Some("3")).then_some(())?;
        let (mut validity, mut next, mut header) = (None, None, String::new());
        for field in head {
            match (field.strip_prefix('V'), field.strip_prefix('N')) {
                (Some(number), _) => validity = number.parse().ok(),
                (_, Some(number)) => next = number.parse().ok(),
                _ => header.push_str(&format!(" {field}")),
            }
        }
        let mut list = UidList {
            validity: validity?,
            next: next?,
            header,
            lines: BTreeMap::new(),
            names: BTreeSet::new(),
        };
        for line in lines {
            let (fields, name) = line.split_once(" :")?;
            let (uid, fields) = fields.split_once(' ').unwrap_or((fields, ""));
            let (uid, base) = (uid.parse().ok()?, name.split(':').next()?);
            list.next = list.next.max(uid + 1);
            list.names.insert(base.to_string());
            list.lines
                .insert(uid, (fields.to_string(), base.to_string()));
        }
        Some(list)
    }

    /// Adds a file by its name without flags, and its unique-id, if it is not in
    /// the list.
    pub fn add(&mut self, base: &str, unique_id: &str) {
        if !self.names.insert(base.to_string()) {
            return;
        }
        let fields = format!("P{unique_id}");
        self.lines.insert(self.next, (fields, base.to_string()));
        self.next += 1;
    }

    /// The file's content.
    pub fn write(&self) -> String {
        let mut text = format!("3 V{} N{}{}\n", self.validity, self.next, self.header);
        for (uid, (fields, base)) in &self.lines {
            let space = if fields.is_empty() { "" } else { " " };
            text.push_str(&format!("{uid}{space}{fields} :{base}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_added_to_and_keeps_what_a_server_wrote() {
        let text = "3 V1275660208 N30 G3085f01b7f11\n25 W2481 S2440 :1.M3.kurkku,S=1:2,S\n29 :2.M4.kurkku\n";
        let mut list = UidList::read(text).unwrap();
        list.add("3.abc.post,S=1", "k3j");
        list.add("3.abc.post,S=1", "another");
        assert_eq!(
            list.write(),
            "3 V1275660208 N31 G3085f01b7f11\n25 W2481 S2440 :1.M3.kurkku,S=1\n29 :2.M4.kurkku\n\
             30 Pk3j :3.abc.post,S=1\n"
        );
        assert_eq!(UidList::read(&list.write()), Some(list));
        for other in ["", "1 1275660208 26\n1 a\n", "3 V1\n", "3 V1 N2\nrubbish\n"] {
            assert_eq!(UidList::read(other), None, "{other:?}");
        }
    }
}
