//! Who may read and change the files: the hub must, others must not.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings, Topic};
use crate::config::{Configuration, is_root, user};
use crate::files::folder_of;

pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    look_at_data(configuration, findings);
    look_for_strangers(configuration, findings);
    let owner = fs::metadata(&configuration.data_dir);
    match (is_root(), owner) {
        (true, Ok(owner)) => look_as_the_hub(configuration, &HubUser::of(&owner), findings),
        // Without a data folder nobody knows who runs it.
        (true, Err(_)) => {}
        // Whoever is not root has read them by now, or was told that he may not.
        (false, _) => findings.add(Finding::note(
            Topic::Files,
            "whether the hub's user may read each file is looked at by root alone",
        )),
    }
}

/// The folder that holds the mail.
fn look_at_data(configuration: &Configuration, findings: &mut Findings<'_>) {
    let folder = configuration.data_dir.display();
    match fs::metadata(&configuration.data_dir) {
        Err(why) => findings.add(
            Finding::warning(
            Topic::Files,
            format!(
                "{folder} cannot be looked at ({why}): the hub makes it at its first start, if it may"
            ),
        )
        .mend("if mail has been there: is its disk mounted?")),
        Ok(found) if found.mode() & 0o077 != 0 => findings.add(
            Finding::warning(
                Topic::Files,
                format!("{folder} holds the mail, and others can look into it"),
            )
            .mend(format!("chmod 700 {folder}")),
        ),
        Ok(_) => findings.add(Finding::good(
            Topic::Files,
            format!("{folder} is private"),
        )),
    }
}

/// Whoever may change what the hub reads decides where the mail goes.
fn look_for_strangers(configuration: &Configuration, findings: &mut Findings<'_>) {
    let mut places: Vec<PathBuf> = vec![configuration.path.clone()];
    for file in [&configuration.path, &configuration.directory] {
        let folder = folder_of(file).to_path_buf();
        if !places.contains(&folder) {
            places.push(folder);
        }
    }
    for place in places {
        let Ok(found) = fs::metadata(&place) else {
            continue;
        };
        let name = place.display();
        if found.mode() & 0o002 != 0 {
            let text = format!("{name}: every user of this machine can change it");
            findings.add(Finding::warning(Topic::Files, text).mend(format!("chmod o-w {name}")));
        } else if found.mode() & 0o020 != 0 && found.gid() != 0 {
            let text = format!("{name}: the group {} can change it", found.gid());
            findings.add(
                Finding::note(Topic::Files, text)
                    .mend(format!("if that is not meant: chmod g-w {name}")),
            );
        }
    }
}

/// A file of root's, private as it should be, is the commonest slip: every
/// command of root's reads it, and the hub does not.
fn look_as_the_hub(configuration: &Configuration, hub: &HubUser, findings: &mut Findings<'_>) {
    let data_dir = configuration.data_dir.display();
    for file in configuration.files() {
        let name = file.display();
        if let Some(folder) = closed_folder(&file, hub) {
            let folder = folder.display();
            let text = format!(
                "{name}: the hub's user, who owns {data_dir}, may not enter {folder}, and so not read it"
            );
            findings.add(Finding::error(Topic::Files, text).mend(format!(
                "chmod o+x {folder}; or, where that is to stay closed as certbot's folders are, copy the file to one \
                 that the hub may enter and correct postroom.toml"
            )));
        } else if let Ok(found) = fs::metadata(&file)
            && !hub.may(READ, &found)
        {
            let text = format!("{name}: the hub's user, who owns {data_dir}, may not read it");
            findings.add(
                Finding::error(Topic::Files, text)
                    .mend(format!("chown --reference={data_dir} {name}")),
            );
        }
    }
}

/// The first folder on the way to the file that the hub may not enter; on the way
/// as it is written and, behind links, as it is.
fn closed_folder(file: &Path, hub: &HubUser) -> Option<PathBuf> {
    let written = std::path::absolute(file).ok();
    let real = fs::canonicalize(file).ok();
    let ways = written.iter().chain(&real);
    let folders = ways.flat_map(|way| way.ancestors().skip(1));
    let mut closed: Vec<&Path> = folders
        .filter(|folder| {
            let found = fs::metadata(folder);
            found.is_ok_and(|found| !hub.may(ENTER, &found))
        })
        .collect();
    // The outermost one: behind it nothing counts.
    closed.sort_by_key(|folder| folder.components().count());
    closed.first().map(|folder| folder.to_path_buf())
}

/// Whether the file is closed to whoever asks, and is meant to be: that is no
/// fault of the file's.
pub fn is_closed_to_a_guest(file: &Path, configuration: &Configuration) -> bool {
    if !is_guest(configuration) {
        return false;
    }
    let is_denied = |why: &std::io::Error| why.kind() == ErrorKind::PermissionDenied;
    match fs::metadata(file) {
        Err(why) => is_denied(&why),
        // A pipe would keep whoever opens it waiting for its other end.
        Ok(found) => found.is_file() && fs::File::open(file).is_err_and(|why| is_denied(&why)),
    }
}

/// Whether whoever asks is neither root nor the hub's user.
pub fn is_guest(configuration: &Configuration) -> bool {
    let owner = fs::metadata(&configuration.data_dir).map(|found| found.uid());
    !is_root() && !owner.is_ok_and(|owner| owner == user())
}

/// Bits of a file's mode, for others.
const READ: u32 = 0o4;
const ENTER: u32 = 0o1;

/// Who runs the hub: the owner of the data folder.
struct HubUser {
    user: u32,
    /// None where this machine's files do not name the user: then any group may
    /// be his.
    groups: Option<Vec<u32>>,
}

impl HubUser {
    fn of(data_dir: &Metadata) -> HubUser {
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        HubUser {
            user: data_dir.uid(),
            groups: groups_of(data_dir.uid(), &read("/etc/passwd"), &read("/etc/group")),
        }
    }

    fn may(&self, what: u32, file: &Metadata) -> bool {
        let mode = file.mode();
        let is_in = |groups: &Vec<u32>| groups.contains(&file.gid());
        match &self.groups {
            _ if self.user == 0 => true,
            _ if file.uid() == self.user => mode & (what << 6) != 0,
            None => mode & (what | what << 3) != 0,
            Some(groups) if is_in(groups) => mode & (what << 3) != 0,
            Some(_) => mode & what != 0,
        }
    }
}

/// The groups of a user by passwd(5) and group(5).
fn groups_of(user: u32, passwd: &str, group: &str) -> Option<Vec<u32>> {
    let field = |line: &str, place: usize| line.split(':').nth(place).map(str::to_string);
    let number = |line: &str, place: usize| field(line, place)?.parse::<u32>().ok();
    let line = passwd.lines().find(|line| number(line, 2) == Some(user))?;
    let name = field(line, 0)?;
    let mut groups = vec![number(line, 3)?];
    for line in group.lines() {
        let members = field(line, 3).unwrap_or_default();
        if members.split(',').any(|member| member == name) {
            groups.extend(number(line, 2));
        }
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};

    #[test]
    fn a_private_file_of_root_is_not_the_hubs() {
        if !is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "x").unwrap();
        let hub = |groups: Option<&[u32]>| HubUser {
            user: 999,
            groups: groups.map(<[u32]>::to_vec),
        };
        let may = |owner: u32, mode: u32, hub: &HubUser| {
            chown(&file, Some(owner), Some(owner)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            hub.may(READ, &fs::metadata(&file).unwrap())
        };
        let known = hub(Some(&[999, 50]));
        assert!(!may(0, 0o600, &known) && !may(0, 0o640, &known));
        assert!(may(0, 0o644, &known) && may(999, 0o600, &known));
        assert!(may(50, 0o640, &known) && !may(50, 0o604, &known));
        assert!(!may(999, 0o200, &known));
        assert!(may(0, 0o640, &hub(None)) && !may(0, 0o600, &hub(None)));
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        if !is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path().join("live"), folder.path().join("live/inner"));
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let file = inner.join("key.pem");
        fs::write(&file, "x").unwrap();
        let hub = HubUser {
            user: 999,
            groups: Some(vec![999]),
        };
        assert_eq!(closed_folder(&file, &hub), None);
        for closed in [&inner, &outer] {
            fs::set_permissions(closed, Permissions::from_mode(0o700)).unwrap();
            assert_eq!(closed_folder(&file, &hub).as_ref(), Some(closed));
        }
        let link = folder.path().join("link.pem");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(closed_folder(&link, &hub), Some(outer));
    }

    #[test]
    fn the_groups_of_a_user_are_read_as_the_system_has_them() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostroom:x:104:110::/:/usr/sbin/nologin\n";
        let group = "root:x:0:\nssl-cert:x:107:www-data,postroom\nmail:x:8:postroomx\n";
        assert_eq!(groups_of(104, passwd, group), Some(vec![110, 107]));
        assert_eq!(groups_of(105, passwd, group), None);
        assert_eq!(groups_of(105, "rubbish\n:::\n", ""), None);
    }
}
