//! Edits, each by the lines that it changes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

mod rules;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
const NEW_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$bmV3IW5ldyFuZXchbmV3IW5ldyFuZXchbmV3IW5ldyE";

const OFFICE: &str = r#"# The office.   Trailing blanks stay:   

# --- the boss ---

# Anna sits in room 1.
[users.anna]
password  = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"   # set in March
addresses = [ "anna.smith",   "info@example.com" ]

# --- everybody else ---

# Bob: Mondays only.
[users.bob]
password = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'

# Who gets what.
[aliases]
# The shop.
sales = [
  "anna",   # since 2019
  "bob",    # for now
]
postmaster = ["anna"] # must be somebody

# The end.
"#;

/// A folder with both files.
struct Office {
    folder: tempfile::TempDir,
    configuration: Configuration,
}

fn office_with(directory: &str, settings: &str) -> Office {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n{settings}");
    let configuration = Configuration::parse(&folder.path().join("postroom.toml"), &text).unwrap();
    fs::write(&configuration.directory, directory).unwrap();
    Office {
        folder,
        configuration,
    }
}

impl Office {
    fn edit<T>(
        &self,
        edit: impl FnOnce(&mut DirectoryEdit) -> Result<T, EditError>,
    ) -> Result<T, String> {
        let mut directory = DirectoryEdit::open(&self.configuration).map_err(|e| e.to_string())?;
        let result = edit(&mut directory).map_err(|error| error.to_string())?;
        directory.save().map_err(|error| error.to_string())?;
        Ok(result)
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.configuration.directory).unwrap()
    }
}

/// What an edit makes of the office, as lines with `-` and `+`.
fn changes<T>(edit: impl FnOnce(&mut DirectoryEdit) -> Result<T, EditError>) -> Vec<String> {
    let office = office_with(OFFICE, "");
    office.edit(edit).unwrap();
    difference(OFFICE, &office.text())
}

/// The lines that went and came, in order; the longest common part is left out.
fn difference(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("-{}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+{}", new[j]));
            j += 1;
        }
    }
    lines
}

#[test]
fn an_edit_that_cannot_be_made_says_why_and_changes_nothing() {
    type Edit = fn(&mut DirectoryEdit) -> Result<(), EditError>;
    let cases: [(Edit, &str); 12] = [
        (
            |d| d.add_user("Anna", HASH).map(drop),
            "there is a user anna already; choose another name, or \"postroom user passwd anna\" for a \
             new password",
        ),
        (
            |d| d.add_user("dora smith", HASH).map(drop),
            "not changed: user name \"dora smith\": expected 1 to 64 letters (a-z), digits, \".\", \
             \"_\" or \"-\", beginning with a letter or a digit; other spellings can stand in \
             addresses = [...]",
        ),
        (
            |d| d.add_user("reject", HASH).map(drop),
            "not changed: user name \"reject\": it has a meaning of its own in unknown_user = \
             \"reject\"; choose another name and put \"reject\" into its addresses",
        ),
        (
            |d| d.add_user("info", HASH).map(drop),
            "not changed: user info clashes with address info@example.com of anna: an address \
             belongs to one user or one alias; for several users make an alias",
        ),
        (
            |d| d.add_user("dora", "secret").map(drop),
            "not changed: the password of dora: expected a password hash that begins with \"$argon2id$\", \
             found something else, perhaps the password itself; set it with `postroom user passwd NAME`, \
             which writes the hash",
        ),
        (
            |d| d.set_password("dora", HASH),
            "there is no user dora in the directory",
        ),
        (
            |d| d.rename_user("dora", "x").map(drop),
            "there is no user dora in the directory",
        ),
        (
            |d| d.rename_user("anna", "Bob").map(drop),
            "there is a user bob already; choose another name, or \"postroom user passwd bob\" for a \
             new password",
        ),
        (
            |d| d.remove_user("anna").map(drop),
            "alias postmaster leads to anna alone; give it another target first (postroom alias set \
             postmaster NAME) or remove it (postroom alias remove postmaster)",
        ),
        (
            |d| d.set_alias("team", &["dora".to_string()]),
            "not changed: alias team: there is no user and no alias \"dora\"",
        ),
        (
            |d| d.set_alias("sales", &["sales".to_string()]),
            "not changed: aliases in a loop: sales -> sales; take one of them out of another's \
             targets",
        ),
        (
            |d| d.remove_alias("team"),
            "there is no alias team in the directory",
        ),
    ];
    for (edit, message) in cases {
        let office = office_with(OFFICE, "");
        assert_eq!(office.edit(edit), Err(message.to_string()));
        assert_eq!(office.text(), OFFICE);
        assert_eq!(fs::read_dir(office.folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn the_catch_all_stays_a_user() {
    let office = office_with(OFFICE, "[routing]\nunknown_user = \"Bob\"\n");
    let message = "bob is the catch-all: set unknown_user = \"unclaimed\" in postroom.toml first, \
                   and to the user of your choice afterwards";
    assert_eq!(
        office.edit(|d| d.remove_user("bob")),
        Err(message.to_string())
    );
    assert_eq!(
        office.edit(|d| d.rename_user("bob", "robert")),
        Err(message.to_string())
    );
    office.edit(|d| d.rename_user("bob", "BOB")).unwrap();
}

#[test]
fn an_edit_without_a_change_changes_no_octet() {
    let windows = OFFICE.replace('\n', "\r\n");
    for text in [
        OFFICE,
        &windows,
        &format!("\u{feff}{windows}"),
        "",
        "# Only a comment",
    ] {
        let office = office_with(text, "");
        office.edit(|_| Ok(())).unwrap();
        assert_eq!(office.text(), text);
    }
}

#[test]
fn users_are_edited_and_the_rest_stays_as_it_is() {
    assert_eq!(
        changes(|d| d.set_password("Anna", NEW_HASH)),
        [
            "-password  = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\"   # set in March",
            "+password  = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$bmV3IW5ldyFuZXchbmV3IW5ldyFuZXchbmV3IW5ldyE\"   # set in March"
        ]
    );
    assert_eq!(
        changes(|d| d.add_user("carl", NEW_HASH)),
        [
            "+[users.carl]",
            "+password = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$bmV3IW5ldyFuZXchbmV3IW5ldyFuZXchbmV3IW5ldyE\"",
            "+"
        ]
    );
    assert_eq!(
        changes(|d| d.rename_user("bob", "robert")),
        [
            "-[users.bob]",
            "+[users.robert]",
            "-  \"bob\",    # for now",
            "+  \"robert\",    # for now"
        ]
    );
    assert_eq!(
        changes(|d| d.remove_user("bob")),
        [
            "-# Bob: Mondays only.",
            "-[users.bob]",
            "-password = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'",
            "-",
            "-  \"bob\",    # for now",
        ]
    );
}

#[test]
fn aliases_are_edited_and_the_rest_stays_as_it_is() {
    let targets = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        changes(|d| d.set_alias("team", &targets(&["anna", "sales"]))),
        ["+team = [\"anna\", \"sales\"]"]
    );
    assert_eq!(
        changes(|d| d.set_alias("Postmaster", &targets(&["bob"]))),
        [
            "-postmaster = [\"anna\"] # must be somebody",
            "+postmaster = [\"bob\"] # must be somebody"
        ]
    );
    assert_eq!(
        changes(|d| d.set_alias("sales", &targets(&["bob", "anna", "postmaster"]))),
        ["+  \"postmaster\","]
    );
    assert_eq!(
        changes(|d| d.remove_alias("postmaster")),
        ["-postmaster = [\"anna\"] # must be somebody"]
    );
    assert_eq!(
        changes(|d| d.remove_alias("sales")),
        [
            "-# The shop.",
            "-sales = [",
            "-  \"anna\",   # since 2019",
            "-  \"bob\",    # for now",
            "-]"
        ]
    );
}

#[test]
fn the_first_user_becomes_postmaster() {
    let office = office_with("# The office.\n\n# Users go here.\n", "");
    assert_eq!(
        office.edit(|d| d.add_user("anna", HASH)),
        Ok(Postmaster::Added)
    );
    let first = format!(
        "# The office.\n\n# Users go here.\n\n[users.anna]\npassword = \"{HASH}\"\n\n\
         [aliases]\npostmaster = [\"anna\"]\n"
    );
    assert_eq!(office.text(), first);
    assert_eq!(
        office.edit(|d| d.add_user("bob", HASH)),
        Ok(Postmaster::Kept)
    );
    let bob = format!("[users.bob]\npassword = \"{HASH}\"\n\n[aliases]");
    assert_eq!(office.text(), first.replace("[aliases]", &bob));

    let office = office_with("", "");
    assert_eq!(
        office.edit(|d| d.add_user("postmaster", HASH)),
        Ok(Postmaster::Kept)
    );
    let message = "postmaster is the only user; add another one first: a hub without users would \
                   turn all mail away";
    assert_eq!(
        office.edit(|d| d.remove_user("postmaster")),
        Err(message.to_string())
    );
}

#[test]
fn every_way_to_write_a_directory_can_be_edited() {
    for text in [
        format!(
            "users = {{ anna = {{ password = \"{HASH}\" }}, bob = {{ password = \"{HASH}\" }} }}\n"
        ),
        format!(
            "[users]\nanna = {{ password = \"{HASH}\" }} # boss\nbob = {{ password = \"{HASH}\" }}\n"
        ),
        format!("[users]\nanna.password = \"{HASH}\"\nbob.password = \"{HASH}\"\n"),
        format!("users.anna.password = \"{HASH}\"\nusers.bob.password = \"{HASH}\"\n"),
        format!(
            "[aliases]\nx = [\"anna\"]\n[users.\"anna\"]\npassword = \"{HASH}\"\n[users.bob]\npassword = \"{HASH}\""
        ),
        format!(
            "aliases.x = [\"anna\"]\n[users]\n[users.anna]\npassword = \"\"\"{HASH}\"\"\"\n[users.bob]\npassword = \"{HASH}\""
        ),
    ] {
        let office = office_with(&text, "");
        let users = || {
            let directory = office.configuration.load_directory().unwrap();
            let user =
                |user: &crate::route::User| format!("{} {}", user.name, user.password.as_str());
            directory.users().iter().map(user).collect::<Vec<_>>()
        };
        office.edit(|d| d.add_user("carl", HASH)).unwrap();
        office.edit(|d| d.rename_user("anna", "ann")).unwrap();
        office.edit(|d| d.set_password("ann", NEW_HASH)).unwrap();
        office
            .edit(|d| d.set_alias("y", &["ann".to_string(), "bob".to_string()]))
            .unwrap();
        office.edit(|d| d.remove_user("bob")).unwrap();
        assert_eq!(
            users(),
            [format!("ann {NEW_HASH}"), format!("carl {HASH}")],
            "{text}\n{}",
            office.text()
        );
        let directory = office.configuration.load_directory().unwrap();
        assert!(
            directory
                .aliases()
                .iter()
                .all(|alias| alias.targets == ["ann"])
        );
    }
}

#[test]
fn the_file_keeps_its_mode_and_a_link_stays_a_link() {
    let office = office_with(OFFICE, "");
    let named = &office.configuration.directory;
    let real = office.folder.path().join("real.toml");
    fs::rename(named, &real).unwrap();
    symlink("real.toml", named).unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&real).unwrap();
    office.edit(|d| d.set_password("anna", NEW_HASH)).unwrap();
    let after = fs::metadata(&real).unwrap();
    assert!(named.is_symlink());
    assert_ne!(before.ino(), after.ino(), "replaced, not written over");
    assert_eq!(
        (after.mode(), after.uid(), after.gid()),
        (before.mode(), before.uid(), before.gid())
    );
    assert!(office.text().contains(NEW_HASH));
}

#[test]
fn what_somebody_else_saved_meanwhile_is_not_overwritten() {
    let office = office_with(OFFICE, "");
    let other = OFFICE.replace("room 1", "room 2");
    let result = office.edit(|d| {
        fs::write(&office.configuration.directory, &other).unwrap();
        d.set_password("anna", NEW_HASH)
    });
    let message = "the directory was changed by somebody else just now; try again";
    assert_eq!(result, Err(message.to_string()));
    assert_eq!(office.text(), other);
}

#[test]
fn two_edits_at_once_wait_for_each_other() {
    let office = office_with(OFFICE, "");
    std::thread::scope(|scope| {
        for name in ["carl", "dora", "erik", "fred"] {
            let office = &office;
            scope.spawn(move || office.edit(|d| d.add_user(name, HASH)).unwrap());
        }
    });
    assert_eq!(
        office.configuration.load_directory().unwrap().users().len(),
        6
    );
}

#[test]
fn a_target_goes_with_its_comment_and_no_other() {
    let bob = &format!("[users.bob]\npassword = \"{HASH}\"\n");
    for (before, after) in [
        ("[\"anna\", \"bob\"]", "[\"anna\"]"),
        ("[\"bob\", \"anna\"]", "[\"anna\"]"),
        ("[ \"bob\", \"anna\", ]", "[\"anna\", ]"),
        (
            "[ # two\n \"bob\", # b\n \"anna\" # a\n]",
            "[ # two\n \"anna\" # a\n]",
        ),
        ("[\n \"anna\", # a\n \"bob\" # b\n]", "[\n \"anna\" # a\n]"),
        (
            "[\"anna\", # a\n \"bob\", \"x\"]",
            "[\"anna\", # a\n \"x\"]",
        ),
        (
            "[\"anna\", # a\n\n # of bob\n \"bob\",\n # end\n]",
            "[\"anna\", # a\n # end\n]",
        ),
    ] {
        let users =
            format!("[users.anna]\npassword = \"{HASH}\"\n[users.x]\npassword = \"{HASH}\"\n");
        let text = |targets: &str, bob: &str| format!("{bob}{users}[aliases]\nsales = {targets}\n");
        let office = office_with(&text(before, bob), "");
        office.edit(|d| d.remove_user("bob")).unwrap();
        assert_eq!(office.text(), text(after, ""));
    }
}

#[test]
fn comments_above_an_empty_line_stay_where_they_are() {
    let users = format!("[users.anna]\npassword = \"{HASH}\"\n");
    for (before, after) in [
        (
            "[aliases]\n# The shop.\n\n# Sales.\nsales = [\"anna\"]\n# All.\nall = [\"anna\"]\n",
            "[aliases]\n# The shop.\n\n# All.\nall = [\"anna\"]\n",
        ),
        (
            "[aliases]\nall = [\"anna\"]\n\n# The shop.\n\nsales = [\"anna\"]\n# End.\n",
            "[aliases]\nall = [\"anna\"]\n\n# The shop.\n\n# End.\n",
        ),
    ] {
        let office = office_with(&format!("{users}{before}"), "");
        office.edit(|d| d.remove_alias("sales")).unwrap();
        assert_eq!(office.text(), format!("{users}{after}"));
    }
}
