//! The names of files in a backup. Whatever is not one of these is refused, so that
//! no name leads out of the folder into which a backup is unpacked.

use crate::store::may_be_a_body;

/// What belongs to the backup.
pub const MANIFEST: &str = "manifest.jsonl";
/// The first line of the manifest, in front of an archive.
pub const HEAD: &str = "head.json";
/// In a folder.
pub const LOCK: &str = "lock";
/// The folder of the large bodies.
pub const BODIES: &str = "bodies";
/// The database, in the folder of a state.
pub const DATABASE: &str = "postroom.db";
/// The folder of the settings, in that of a state.
pub const SETTINGS: &str = "settings";
/// Ends the name of a file that is being written.
pub const PART: &str = ".part";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    Manifest,
    Head,
    Body(&'a str),
    /// With the folder that it is in.
    Database(&'a str),
    /// With the folder that its own folder is in.
    Settings(&'a str),
}

/// What the file of this name is; none for a name that no backup has.
pub fn kind(name: &str) -> Option<Kind<'_>> {
    let parts: Vec<&str> = name.split('/').collect();
    match *parts.as_slice() {
        [MANIFEST] => Some(Kind::Manifest),
        [HEAD] => Some(Kind::Head),
        [BODIES, body] if may_be_a_body(body) => Some(Kind::Body(body)),
        [state, DATABASE] if state_number(state).is_some() => Some(Kind::Database(state)),
        [state, SETTINGS, number] if state_number(state).is_some() && is_number(number) => {
            Some(Kind::Settings(state))
        }
        _ => None,
    }
}

/// The folder of this number.
pub fn state(number: u64) -> String {
    format!("state-{number}")
}

/// The number of a folder `state-N`.
pub fn state_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("state-").filter(|text| is_number(text))?;
    number.parse().ok()
}

/// The database in this folder.
pub fn database(state: &str) -> String {
    format!("{state}/{DATABASE}")
}

/// The file of the settings with this number.
pub fn settings(state: &str, number: usize) -> String {
    format!("{state}/{SETTINGS}/{number}")
}

/// A large body.
pub fn body(name: &str) -> String {
    format!("{BODIES}/{name}")
}

/// Whether a file of the settings may have this name.
pub fn is_number(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_anywhere_else() {
        for name in [
            "",
            "/etc/passwd",
            "../manifest.jsonl",
            "bodies/../../../../../../etc/cron.d/x",
            "bodies//aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "bodies/aaaaaaaaaaaaaaaaaaaaaaaaa/",
            "bodies/.........................a",
            "bodies/aaaaaaaaaaaaaaaaaaaaaaaaaa/x",
            "state-1/../postroom.db",
            "state-/postroom.db",
            "state-1x/postroom.db",
            "state-1234567890123/postroom.db",
            "state-1/settings/../../x",
            "state-1/settings/",
            "state-1/settings/-1",
            "./manifest.jsonl",
            "manifest.jsonl\0",
            "lock",
        ] {
            assert_eq!(kind(name), None, "{name:?}");
        }
        let name = body("abcdefghijklmnopqrstuvwxyz");
        assert_eq!(kind(&name), Some(Kind::Body("abcdefghijklmnopqrstuvwxyz")));
        assert_eq!(kind(&database(&state(7))), Some(Kind::Database("state-7")));
        assert_eq!(
            kind(&settings("state-7", 12)),
            Some(Kind::Settings("state-7"))
        );
    }
}
