//! The names of files in a Maildir.

/// What the name of a message's file says: `1795425300.KEY.HOST,S=57,W=60:2,S`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// When it was received, in seconds since 1970.
    pub at: i64,
    /// Names the message on this host.
    pub key: String,
    /// The host that made the name.
    pub host: String,
}

impl Name {
    /// What stays the same while the message lies there, but for the sizes that a
    /// server looks up: as it stands in the file (S), and with CRLF (W).
    pub fn base(&self, octets: u64, octets_with_crlf: u64) -> String {
        let Name { at, key, host } = self;
        format!("{at}.{key}.{host},S={octets},W={octets_with_crlf}")
    }

    /// Reads a name that may be of another program.
    pub fn read(file: &str) -> Option<Name> {
        let base = file.split([',', ':']).next()?;
        let mut parts = base.splitn(3, '.');
        Some(Name {
            at: parts.next()?.parse().ok()?,
            key: parts.next()?.to_string(),
            host: parts.next()?.to_string(),
        })
    }
}

/// The flags behind the name, one letter each: `S` is seen, `T` deleted.
pub fn flags(file: &str) -> &str {
    file.rsplit_once(":2,").map_or("", |(_, flags)| flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let name = Name {
            at: 1_795_425_300,
            key: "1abcV2".to_string(),
            host: "post.example.com".to_string(),
        };
        let file = format!("{}:2,FS", name.base(57, 60));
        assert_eq!(file, "1795425300.1abcV2.post.example.com,S=57,W=60:2,FS");
        assert_eq!(Name::read(&file), Some(name));
        assert_eq!(flags(&file), "FS");
        assert_eq!(Name::read("msg.1:2,S"), None);
        assert_eq!(flags("1.M2P3.host"), "");
    }
}
