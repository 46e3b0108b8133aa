//! Root backs up and restores what belongs to the hub's user; others are told.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::hub::user::{HUBS_USER, Program, anothers, give, is_root};
use crate::hub::{Done, Office, eventually, run};
use crate::interpose::call::{MKDIR, RENAME, SYNC, UNLINK, WRITE};
use crate::interpose::place::OTHER;
use crate::interpose::{Action, Interposed, Rule};
use crate::interrupted::killed;

const SOMEBODY: u32 = 12346;

/// An office of the hub's user, and the program where that user may run it.
struct Place {
    program: Program,
    office: Office,
}

impl Place {
    /// None where the test does not run as root.
    fn new() -> Option<Place> {
        if !is_root() {
            return None;
        }
        let office = Office::new();
        let settings = office.read("postroom.toml");
        office.write(
            "postroom.toml",
            &settings.replace("allow_root = true\n", ""),
        );
        give(&office.path(""), HUBS_USER);
        let program = Program::for_all();
        Some(Place { program, office })
    }

    fn command(&self, user: u32, config: &Path, arguments: &[&str]) -> Command {
        let mut command = self.program.run_by(user);
        command
            .args(arguments)
            .env("POSTROOM_CONFIG", config)
            .current_dir(self.program.folder())
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET");
        command
    }

    fn config(&self) -> PathBuf {
        self.office.path("postroom.toml")
    }

    fn as_user(&self, user: u32, arguments: &[&str]) -> Done {
        run(self.command(user, &self.config(), arguments), b"")
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn root_backs_up_beside_the_hub_and_without_it_and_leaves_nothing_of_its_own() {
    let Some(place) = Place::new() else { return };
    let none: Vec<PathBuf> = Vec::new();
    let to = place.program.folder().join("b/");
    let to = to.to_str().unwrap();
    let serve = || {
        place
            .office
            .serve_by(place.command(HUBS_USER, &place.config(), &["serve"]))
    };
    let mut hub = serve();
    place.as_user(0, &["backup", to, "--verify"]).good();
    place.as_user(0, &["verify"]).good();
    assert_eq!(anothers(&place.office.path("")), none);
    hub.stop();
    // No log lies beside the database now: SQLite makes one for who reads.
    place.as_user(0, &["backup", to, "--verify"]).good();
    place.as_user(0, &["verify"]).good();
    assert_eq!(anothers(&place.office.path("")), none);
    // A hub that starts meanwhile starts, and one that is killed leaves a log.
    let mut hub = serve();
    crate::mail::send(&hub, &["anna@example.com"], "hello");
    hub.kill();
    place.as_user(0, &["backup", to, "--verify"]).good();
    assert_eq!(anothers(&place.office.path("")), none);
    assert_eq!(crate::mail::waiting(&serve(), "anna"), 1);
    let backup = fs::metadata(to).unwrap();
    assert_eq!((backup.uid(), backup.mode() & 0o777), (0, 0o700));
}

#[test]
fn what_root_restores_belongs_to_the_hub_and_is_private() {
    let Some(place) = Place::new() else { return };
    let tar = place.program.folder().join("b.tar");
    let tar = tar.to_str().unwrap();
    drop(
        place
            .office
            .serve_by(place.command(HUBS_USER, &place.config(), &["serve"])),
    );
    place.as_user(0, &["backup", tar]).good();
    assert_eq!(fs::metadata(tar).unwrap().mode() & 0o777, 0o600);
    let etc = place.program.folder().join("etc");
    let config = etc.join("postroom.toml");
    let restore = || run(place.command(0, &config, &["restore", tar]), b"");
    // Whose is it to be?
    if !fs::read_to_string("/etc/passwd")
        .unwrap()
        .contains("\npostroom:")
    {
        let why = restore().bad();
        assert!(why.contains("There is no user \"postroom\" here"), "{why}");
        assert!(!etc.exists());
    }
    fs::create_dir(&etc).unwrap();
    chown(&etc, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
    // A folder that is there is as it was when nothing comes of it.
    let data = etc.join("data");
    fs::create_dir(&data).unwrap();
    open_to_all(&data);
    let whole = fs::read(tar).unwrap();
    fs::write(tar, &whole[..whole.len() / 2]).unwrap();
    restore().bad();
    let found = fs::metadata(&data).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (0, 0o755));
    fs::write(tar, whole).unwrap();
    restore().good();
    assert_eq!(anothers(&etc), Vec::<PathBuf>::new());
    let mode = |name: &str| fs::metadata(etc.join(name)).unwrap().mode() & 0o777;
    assert_eq!(
        (mode("data"), mode("data/bodies"), mode("data/postroom.db")),
        (0o700, 0o700, 0o600)
    );
    assert_eq!(mode("directory.toml") & 0o007, 0);
    assert_eq!(mode("tls/key.pem") & 0o007, 0);
    // All is there but a hub.
    let check = run(place.command(HUBS_USER, &config, &["check"]), b"").out;
    let check = String::from_utf8(check).unwrap();
    assert!(check.contains("warning  no hub runs, "), "{check}");
    assert!(check.contains("\n0 errors, 1 warnings\n"), "{check}");
}

#[test]
fn who_may_not_read_the_mail_is_told_so() {
    let Some(place) = Place::new() else { return };
    drop(
        place
            .office
            .serve_by(place.command(HUBS_USER, &place.config(), &["serve"])),
    );
    for path in [place.office.path(""), place.office.path("tls")] {
        open_to_all(&path);
    }
    fs::set_permissions(place.config(), fs::Permissions::from_mode(0o644)).unwrap();
    let mine = place.program.folder().join("mine");
    fs::create_dir(&mine).unwrap();
    chown(&mine, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    let to = mine.join("b.tar");
    let why = place
        .as_user(SOMEBODY, &["backup", to.to_str().unwrap()])
        .bad();
    assert!(
        why.contains("run the command as root or as the hub's user"),
        "{why}"
    );
    assert_eq!(fs::read_dir(&mine).unwrap().count(), 0);
    let why = place.as_user(SOMEBODY, &["verify"]).bad();
    assert!(
        why.contains("run the command as root or as the hub's user"),
        "{why}"
    );
    // The hub's own user may do it, too.
    give(&mine, HUBS_USER);
    place
        .as_user(HUBS_USER, &["backup", to.to_str().unwrap(), "--verify"])
        .good();
}

#[test]
fn root_follows_no_link_of_the_hubs_user_to_what_that_user_may_not_read() {
    let Some(place) = Place::new() else { return };
    drop(
        place
            .office
            .serve_by(place.command(HUBS_USER, &place.config(), &["serve"])),
    );
    let to = place.program.folder().join("b.tar");
    let to = to.to_str().unwrap();
    let (link, roots) = (
        place.office.path("directory.toml"),
        place.program.folder().join("shadow"),
    );
    fs::copy(&link, &roots).unwrap();
    let plant = |target: &Path, owner: u32| {
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(target, &link).unwrap();
        lchown(&link, Some(owner), Some(owner)).unwrap();
    };
    plant(&roots, HUBS_USER);
    let why = place.as_user(0, &["backup", to]).bad();
    assert!(why.contains("is a link of user 12345"), "{why}");
    assert!(!Path::new(to).exists());
    // Root's own link is followed, and one of the user's to a file of the user's.
    plant(&roots, 0);
    place.as_user(0, &["backup", to, "--verify"]).good();
    chown(&roots, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
    plant(&roots, HUBS_USER);
    place.as_user(0, &["backup", to, "--verify"]).good();
}

/// A backup of the place in one file, and a folder of the hub's user for its settings.
fn backed_up(place: &Place) -> (String, PathBuf) {
    let tar = place.program.folder().join("b.tar");
    let tar = tar.to_str().unwrap().to_string();
    drop(
        place
            .office
            .serve_by(place.command(HUBS_USER, &place.config(), &["serve"])),
    );
    place.as_user(0, &["backup", &tar]).good();
    (tar, place.program.folder().join("etc"))
}

fn renew(etc: &Path) {
    let _ = fs::remove_dir_all(etc);
    fs::create_dir(etc).unwrap();
    chown(etc, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
}

#[test]
fn the_hub_removes_what_root_left_of_a_restore_whose_mail_has_come() {
    let Some(place) = Place::new() else { return };
    let (tar, etc) = backed_up(&place);
    let config = etc.join("postroom.toml");
    let part = etc.join("data/restore.part");
    let interposed = Interposed::new();
    let mut call = 0;
    loop {
        renew(&etc);
        let restore = place.command(0, &config, &["restore", &tar]);
        assert!(killed(restore, &interposed, call), "never so");
        if etc.join("data/postroom.db").exists() && part.exists() {
            break;
        }
        call += 1;
    }
    run(
        place.command(HUBS_USER, &config, &["mail", "list", "anna"]),
        b"",
    )
    .good();
    assert!(!part.exists());
}

#[test]
fn settings_are_never_restored_through_a_folder_that_is_exchanged_meanwhile() {
    let Some(place) = Place::new() else { return };
    let (tar, etc) = backed_up(&place);
    let config = etc.join("postroom.toml");
    let roots = place.program.folder().join("roots");
    fs::create_dir(&roots).unwrap();
    let interposed = Interposed::new();
    let (mut call, mut exchanged) = (0, 0);
    loop {
        renew(&etc);
        let mut restore = place.command(0, &config, &["restore", &tar]);
        interposed.preload(&mut restore);
        let calls = WRITE | SYNC | RENAME | UNLINK | MKDIR;
        interposed.order(&[Rule::once(Action::Stall, calls, OTHER, call)]);
        let quiet = restore.stdout(std::process::Stdio::null());
        let mut restore = quiet.stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut has_ended = false;
        eventually("the call comes, or the end", || {
            has_ended = restore.try_wait().unwrap().is_some();
            has_ended || interposed.acted(0) > 0
        });
        if has_ended && interposed.acted(0) == 0 {
            break;
        }
        // What the owner of the settings' folder may do at any moment.
        let tls = etc.join("tls");
        if fs::rename(&tls, etc.join("aside")).is_ok() {
            std::os::unix::fs::symlink(&roots, &tls).unwrap();
            lchown(&tls, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
            exchanged += 1;
        }
        interposed.lift();
        restore.wait().unwrap();
        let found = crate::names(&roots);
        assert_eq!(found, [""; 0], "call {call}");
        call += 1;
    }
    assert!(exchanged > 10, "{exchanged} of {call}");
}

#[test]
fn a_folder_of_roots_with_other_things_is_never_given_away_for_the_settings() {
    let Some(place) = Place::new() else { return };
    let (tar, _) = backed_up(&place);
    let srv = place.program.folder().join("srv");
    let data = place.program.folder().join("data");
    fs::create_dir_all(srv.join("www")).unwrap();
    fs::create_dir(&data).unwrap();
    chown(&data, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
    let restore = |config: &str| {
        let to = ["restore", &tar, "--data-dir", data.to_str().unwrap()];
        run(place.command(0, &srv.join(config), &to), b"")
    };
    let before = |folder: &Path| (crate::names(folder), fs::metadata(folder).unwrap().uid());
    let [was, data_was] = [&srv, &data].map(|folder| before(folder));
    let why = restore("postroom.toml").bad();
    let told = format!("--config {}/postroom/postroom.toml", srv.display());
    assert!(why.contains(&told), "{why}");
    assert_eq!([before(&srv), before(&data)], [was, data_was]);
    // As it says; and an empty one is as good as a new one.
    restore("postroom/postroom.toml").good();
    assert_eq!(fs::metadata(&srv).unwrap().uid(), 0);
    assert_eq!(anothers(&srv.join("postroom")), Vec::<PathBuf>::new());
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    chown(&data, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
    fs::create_dir(srv.join("empty")).unwrap();
    restore("empty/postroom.toml").good();
    assert_eq!(anothers(&srv.join("empty")), Vec::<PathBuf>::new());
}

#[test]
fn a_data_folder_that_is_a_link_of_somebody_elses_is_not_restored_into() {
    let Some(place) = Place::new() else { return };
    let (tar, etc) = backed_up(&place);
    renew(&etc);
    let roots = place.program.folder().join("roots");
    fs::create_dir(&roots).unwrap();
    let data = etc.join("data");
    std::os::unix::fs::symlink(&roots, &data).unwrap();
    lchown(&data, Some(HUBS_USER), Some(HUBS_USER)).unwrap();
    let restore = || {
        run(
            place.command(0, &etc.join("postroom.toml"), &["restore", &tar]),
            b"",
        )
    };
    let why = restore().bad();
    assert!(why.contains("is a link of user 12345"), "{why}");
    assert_eq!(
        (
            fs::metadata(&roots).unwrap().uid(),
            crate::names(&roots).len()
        ),
        (0, 0)
    );
    lchown(&data, Some(0), Some(0)).unwrap();
    restore().good();
    assert_eq!(anothers(&roots), Vec::<PathBuf>::new());
}
