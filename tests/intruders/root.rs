//! Commands of root's on the files of a hub that runs as another user. Only
//! root can try them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::hub::user::{HUBS_USER, Program, anothers, is_root};
use crate::hub::{Done, run};

/// Somebody else on this machine.
const GUEST: u32 = 23456;

/// Nobody answers there.
const PROVIDER: &str = "\n[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\n\
                        user = \"office\"\npassword = \"x\"\nmode = \"single\"\nto = \"sales\"\n";

/// A folder of the hub's user, with what root has made in it.
struct Place {
    program: Program,
}

impl Place {
    /// None where the test does not run as root.
    fn new() -> Option<Place> {
        if !is_root() {
            return None;
        }
        let place = Place {
            program: Program::for_all(),
        };
        fs::create_dir(place.office()).unwrap();
        chown(place.office(), Some(HUBS_USER), Some(HUBS_USER)).unwrap();
        let office = place.office();
        let dir = office.to_str().unwrap();
        let init = [
            "init",
            "--domain",
            "example.com",
            "--loopback",
            "--dir",
            dir,
        ];
        place.as_root(&init).good();
        let settings = office.join("postroom.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let port = |text: String, port: u16| {
            text.replace(
                &format!("\"127.0.0.1:{port}\", \"[::1]:{port}\""),
                "\"127.0.0.1:0\"",
            )
        };
        let text = [2525, 1110, 1995].into_iter().fold(text, port);
        fs::write(settings, text).unwrap();
        Some(place)
    }

    fn add_user(&self, name: &str) {
        self.as_root(&["user", "add", name, "--password-stdin"])
            .good();
    }

    fn add_provider(&self) {
        let settings = self.office().join("postroom.toml");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(settings, format!("{text}{PROVIDER}")).unwrap();
    }

    fn office(&self) -> PathBuf {
        self.program.folder().join("office")
    }

    fn command(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            .env("POSTROOM_CONFIG", self.office().join("postroom.toml"))
            .current_dir(self.program.folder())
            .args(arguments);
        command
    }

    fn as_root(&self, arguments: &[&str]) -> Done {
        run(
            self.command(Command::new(self.program.path()), arguments),
            b"secret\n",
        )
    }

    fn as_the_hub(&self, arguments: &[&str]) -> Done {
        self.as_user(HUBS_USER, arguments)
    }

    fn as_user(&self, user: u32, arguments: &[&str]) -> Done {
        run(self.command(self.program.run_by(user), arguments), b"")
    }

    /// What in the office does not belong to the hub's user.
    fn anothers(&self) -> Vec<PathBuf> {
        anothers(&self.office())
    }
}

#[test]
fn root_that_edits_and_looks_leaves_nothing_that_the_hub_cannot_read() {
    let Some(place) = Place::new() else { return };
    let none: Vec<PathBuf> = Vec::new();
    place.add_user("anna");
    place.add_user("bob");
    place.as_root(&["alias", "set", "sales", "anna"]).good();
    place.as_root(&["check"]).good();
    assert_eq!(place.anothers(), none);
    // The hub's user makes the store, …
    place.as_the_hub(&["status"]).good();
    place.as_the_hub(&["check"]).good();
    place.add_provider();
    // … and root's commands work on it as that user, while no hub runs.
    let out = place.program.folder().join("out.mbox");
    let letter = place.program.folder().join("letter.eml");
    fs::write(&letter, "From: kate@elsewhere.example\n\nHello.\n").unwrap();
    fs::set_permissions(&letter, fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [
        &["status"][..],
        // Only root can read it.
        &["import", "anna", letter.to_str().unwrap()],
        &["mail", "list", "anna"],
        &["mail", "restore", "anna", "--since", "2026-01-01"],
        &["unclaimed", "list"],
        &["why", "anna"],
        // What is written is root's to write, though.
        &["export", "anna", "--mbox", out.to_str().unwrap()],
        &["user", "rename", "anna", "carol"],
        &["user", "rename", "carol", "anna"],
        &["user", "remove", "bob"],
    ] {
        place.as_root(arguments).good();
        assert_eq!(place.anothers(), none, "{arguments:?}");
    }
    assert_eq!(fs::metadata(&out).unwrap().uid(), 0);
    let done = place.as_root(&["fetch"]);
    let said = String::from_utf8(done.out).unwrap();
    assert!(said.contains("main: ") && done.code == Some(1), "{said}");
    assert_eq!(place.anothers(), none);
    place
        .as_root(&["user", "passwd", "anna", "--password-stdin"])
        .good();
    let secrets = place.office().join("secrets");
    fs::write(
        place.program.folder().join("rc"),
        "poll a.example proto pop3 user u pass 'x' is * here\n",
    )
    .unwrap();
    let import = [
        "import-fetchmailrc",
        "rc",
        "--write-passwords",
        secrets.to_str().unwrap(),
    ];
    place.as_root(&import).good();
    assert_eq!(place.anothers(), none);
    place.as_the_hub(&["mail", "list", "anna"]).good();
}

#[test]
fn data_folder_of_roots_where_the_hub_is_not_to_be_root() {
    let Some(place) = Place::new() else { return };
    place.add_user("anna");
    place.as_root(&["alias", "set", "sales", "anna"]).good();
    place.add_provider();
    let data = place.office().join("data");
    chown(&data, Some(0), Some(0)).unwrap();
    let expected = [
        (
            true,
            "is root's, and the hub does not run as root: give it to the hub's user (sudo chown -R postroom: ",
        ),
        (false, "is not there: look at data_dir in postroom.toml"),
    ];
    for (there, expected) in expected {
        if !there {
            fs::remove_dir(&data).unwrap();
        }
        for arguments in [&["status"][..], &["fetch"], &["mail", "list", "anna"]] {
            let why = place.as_root(arguments).bad();
            assert!(why.contains(expected), "{why}");
        }
        let left = fs::read_dir(&data).map_or(0, Iterator::count);
        assert_eq!((data.exists(), left), (there, 0));
    }
}

#[test]
fn what_root_has_put_into_the_data_folder_is_told_with_its_chown() {
    let Some(place) = Place::new() else { return };
    place.add_user("anna");
    place.as_the_hub(&["status"]).good();
    let data = place.office().join("data");
    let inside = format!("sudo chown -R --reference={0} {0}", data.display());
    let all = format!("sudo chown -R postroom: {}", data.display());
    for (path, mend) in [
        ("postroom.db", &inside),
        ("bodies", &inside),
        ("lock", &inside),
        ("", &all),
    ] {
        let path = data.join(path);
        chown(&path, Some(0), Some(0)).unwrap();
        let done = place.as_root(&["check"]);
        let said = String::from_utf8(done.out).unwrap();
        assert_eq!(done.code, Some(1), "{said}");
        assert!(
            said.contains("\nERROR    ") && said.contains(mend.as_str()),
            "{said}"
        );
        let why = place.as_the_hub(&["serve"]).bad();
        assert!(why.contains(mend.as_str()), "{why}");
        chown(&path, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
    }
    place.as_root(&["check"]).good();
}

#[test]
fn check_says_what_a_guest_may_not_look_at_and_takes_it_for_no_fault() {
    let Some(place) = Place::new() else { return };
    place.add_user("anna");
    place.as_the_hub(&["status"]).good();
    let settings = place.office().join("postroom.toml");
    for folder in [place.office(), settings] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let said = place.as_user(GUEST, &["check"]).good();
    for expected in [
        "directory.toml was not looked at",
        "the certificate was not looked at",
        "the hub was not asked",
        "was not timed",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    let closed = fs::Permissions::from_mode(0o600);
    fs::set_permissions(place.office().join("postroom.toml"), closed).unwrap();
    let done = place.as_user(GUEST, &["check"]);
    let said = String::from_utf8(done.out).unwrap();
    assert_eq!(done.code, Some(1), "{said}");
    assert!(
        said.contains("sudo postroom check may read all files"),
        "{said}"
    );
}

#[test]
fn check_finds_what_the_hub_cannot_read_and_root_can() {
    let Some(place) = Place::new() else { return };
    place.add_user("anna");
    let (key, tls) = (
        place.office().join("tls/key.pem"),
        place.office().join("tls"),
    );
    let root_alone = |path: &Path, mode: u32| {
        chown(path, Some(0), Some(0)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    root_alone(&key, 0o600);
    let done = place.as_root(&["check"]);
    let said = String::from_utf8(done.out).unwrap();
    assert_eq!(done.code, Some(1), "{said}");
    let expected = format!(
        "key.pem: the hub's user, who owns {}",
        place.office().join("data").display()
    );
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("\n         chown --reference="), "{said}");
    root_alone(&tls, 0o700);
    let said = String::from_utf8(place.as_root(&["check"]).out).unwrap();
    assert!(
        said.contains(&format!("may not enter {}", tls.display())),
        "{said}"
    );
}

#[test]
fn settings_that_the_hubs_user_cannot_read_are_named_where_that_user_answers() {
    let Some(place) = Place::new() else { return };
    place.add_user("anna");
    place.as_the_hub(&["status"]).good();
    let settings = place.office().join("postroom.toml");
    chown(&settings, Some(0), Some(0)).unwrap();
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o600)).unwrap();
    let why = place.as_root(&["status"]).bad();
    assert!(why.contains("postroom.toml"), "{why}");
    assert!(why.contains("as the owner of the mail"), "{why}");
}

#[test]
fn import_as_root_does_not_read_for_somebody_what_only_root_may() {
    let Some(place) = Place::new() else { return };
    place.add_user("anna");
    place.as_the_hub(&["status"]).good();
    let at = |name: &str| place.program.folder().join(name);
    let secret = "From: root\nroot:$y$j9T$salt$hash:19000:0:99999:7:::\n";
    for folder in ["private", "guests", "guests/old"] {
        fs::create_dir(at(folder)).unwrap();
    }
    fs::set_permissions(at("private"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(at("private/shadow.eml"), secret).unwrap();
    fs::write(at("guests/old/real.eml"), "From: a\n\nreal\n").unwrap();
    let link = |to: &str, name: &str| {
        symlink(at(to), at(name)).unwrap();
        lchown(at(name), Some(GUEST), Some(GUEST)).unwrap();
    };
    link("private/shadow.eml", "guests/evil.eml");
    link("private", "guests/folder");
    for path in [
        "guests/evil.eml",
        "guests/folder",
        "guests/folder/shadow.eml",
    ] {
        let why = place.as_root(&["import", "anna", path]).bad();
        assert!(
            why.contains(&format!("is a link of user {GUEST} ")),
            "{why}"
        );
    }
    link("private/shadow.eml", "guests/old/evil.eml");
    link("private", "guests/old/folder");
    assert_eq!(
        place.as_root(&["import", "anna", "guests/old"]).good(),
        "imported 1 message into the mailbox of anna\n2 other files are no mail and left alone\n"
    );
    // Its own link root follows, and what it names it may read.
    symlink(at("private"), at("mine")).unwrap();
    let said = place.as_root(&["import", "anna", "mine"]).good();
    assert!(said.starts_with("imported 1 message "), "{said}");
}
