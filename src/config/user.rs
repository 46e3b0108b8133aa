//! Who runs this program, and who is to.

use std::fs;

/// Whom the packages make for the hub.
pub const HUB_USER: &str = "postroom";

/// The number of the user, as permissions count.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether that is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The numbers of that user and of its group; none where this machine does not have it.
pub fn hub_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ids_of(&users, HUB_USER)
}

/// As passwd(5) has it: name, password, user, group.
fn ids_of(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut lines = users.lines();
    let line = lines.find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(str::parse);
    Some((ids.next()?.ok()?, ids.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_user_is_found_by_its_whole_name() {
        let users =
            "root:x:0:0::/root:/bin/sh\npostroom-run:x:5:6::/:/x\npostroom:x:998:997::/:/x\n";
        assert_eq!(ids_of(users, HUB_USER), Some((998, 997)));
        assert_eq!(ids_of(users, "post"), None);
        for broken in ["postroom:x:a:b\n", "postroom:x", ""] {
            assert_eq!(ids_of(broken, HUB_USER), None, "{broken}");
        }
    }
}
