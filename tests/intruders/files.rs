//! Who has another account on the machine, and what lies in the place of a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::hub::{Hub, Office, run};
use crate::mail::{greet, send_in};

/// What everybody may read: certificates are shown to every peer.
const PUBLIC: [&str; 3] = ["tls", "tls/ca.pem", "tls/cert.pem"];

const PROVIDER: &str = "\n[[provider]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\n\
                        user = \"office\"\npassword_file = \"secret\"\nmode = \"single\"\nto = \"anna\"\n";

/// The program where every file is for all unless it says otherwise.
fn without_umask(office: &Office, arguments: &[&str]) -> Command {
    let program = office.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(office.path(""));
    shell
        .env_remove("JOURNAL_STREAM")
        .env("POSTROOM_CONFIG", "postroom.toml");
    shell
}

fn all_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.clone());
        if path.is_dir() {
            all_files(&path, found);
        }
    }
}

/// What others than the owner, and than the owner's group where it is the log,
/// can do anything with.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    all_files(folder, &mut files);
    let open = files.into_iter().filter_map(|file| {
        let mode = fs::symlink_metadata(&file).unwrap().permissions().mode();
        let name = file.strip_prefix(folder).unwrap().display().to_string();
        let allowed = match name.as_str() {
            "hub.log" => 0o640,
            name if PUBLIC.contains(&name) => 0o755,
            _ => 0o700,
        };
        (mode & 0o777 & !allowed != 0).then(|| format!("{mode:o} {name}"))
    });
    open.collect()
}

#[test]
fn umask_that_keeps_nothing_private() {
    let office = Office::without_users();
    for file in ["postroom.toml", "directory.toml"] {
        fs::remove_file(office.path(file)).unwrap();
    }
    fs::remove_dir_all(office.path("tls")).unwrap();
    fs::remove_dir_all(office.path("data")).unwrap();
    let good = |arguments: &[&str], input: &str| {
        run(without_umask(&office, arguments), input.as_bytes()).good()
    };
    good(
        &[
            "init",
            "--domain",
            "example.com",
            "--loopback",
            "--hostname",
            "post.example.com",
            "--dir",
            ".",
        ],
        "",
    );
    let settings = office.read("postroom.toml");
    let settings = settings.replace("\"127.0.0.1:2525\", \"[::1]:2525\"", "\"127.0.0.1:0\"");
    let settings = settings.replace("\"127.0.0.1:1110\", \"[::1]:1110\"", "\"127.0.0.1:0\"");
    let settings = settings.replace("\"127.0.0.1:1995\", \"[::1]:1995\"", "\"127.0.0.1:0\"");
    let settings = settings.replace("\n[log]\n", "\n[log]\nfile = \"hub.log\"\n");
    office.write("postroom.toml", &format!("allow_root = true\n{settings}"));
    good(
        &["user", "add", "anna", "--password-stdin"],
        "secret-anna\n",
    );
    office.write(
        "rc",
        "poll a.example proto pop3 user u pass 'x' is * here\n",
    );
    fs::set_permissions(office.path("rc"), Permissions::from_mode(0o600)).unwrap();
    good(
        &["import-fetchmailrc", "rc", "--write-passwords", "secrets"],
        "",
    );
    let hub: Hub = office.serve_by(without_umask(&office, &["serve"]));
    let mut smtp = hub.smtp();
    greet(&mut smtp);
    send_in(
        &mut smtp,
        &["anna@example.com"],
        &b"large\r\n".repeat(100_000),
    );
    // One that is on its way has a file, too.
    smtp.say("MAIL FROM:<>", "250 *");
    smtp.say("RCPT TO:<anna@example.com>", "250 *");
    smtp.say("DATA", "354 *");
    smtp.send(&b"under way\r\n".repeat(100_000));
    crate::hub::eventually("two bodies are files", || {
        fs::read_dir(office.path("data/bodies")).unwrap().count() == 2
    });
    good(&["user", "passwd", "anna", "--password-stdin"], "another\n");
    good(&["alias", "set", "sales", "anna"], "");
    hub.signal(rustix::process::Signal::HUP);
    hub.wait_for_log("reloaded");
    assert_eq!(open_to_others(&office.path("")), Vec::<String>::new());
}

#[test]
fn file_that_was_opened_to_all_by_hand() {
    let office = Office::new();
    let settings = office.read("postroom.toml");
    office.write("postroom.toml", &format!("{settings}{PROVIDER}"));
    office.write("secret", "hunter2\n");
    let open = |file: &str, mode: u32| {
        fs::set_permissions(office.path(file), Permissions::from_mode(mode)).unwrap();
    };
    open("secret", 0o644);
    open("directory.toml", 0o666);
    open("tls/ca-key.pem", 0o644);
    let said = String::from_utf8(office.run(&["check"]).out).unwrap();
    let hub = office.serve();
    for expected in [
        "secret holds a password of a provider, and every user of this machine can read or change it (mode 0644): chmod o= ",
        "directory.toml holds password hashes, and every user of this machine can read or change it (mode 0666): chmod o= ",
        "tls/ca-key.pem holds the office CA's key, and every user of this machine can read or change it (mode 0644): chmod o= ",
    ] {
        hub.wait_for_log(expected);
        assert!(said.contains(expected), "{said}");
    }
    drop(hub);
    // What an administrator has opened stays as it is, and for its owner.
    office.good(&["alias", "set", "sales", "anna"]);
    let mode = fs::metadata(office.path("directory.toml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o666);
    office.write("rc", "poll a.example proto pop3 user u pass x is * here\n");
    open("rc", 0o640);
    let warned = office.run(&["import-fetchmailrc", "rc"]).err;
    assert!(warned.contains("(mode 0640): chmod 600 rc"), "{warned}");
    // A key is another matter: whoever has it can pass for the hub for years.
    open("tls/key.pem", 0o604);
    for command in ["serve", "check"] {
        let done = office.run(&[command]);
        let said = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
        assert_eq!(done.code, Some(1), "{said}");
        assert!(
            said.contains(
                "key.pem: every user of this machine can read or change this key (mode 0604)"
            ),
            "{said}"
        );
    }
}

#[test]
fn pipe_or_folder_in_the_place_of_a_secret() {
    for file in ["secret", "directory.toml", "tls/key.pem", "tls/cert.pem"] {
        let office = Office::new();
        let settings = office.read("postroom.toml");
        office.write("postroom.toml", &format!("{settings}{PROVIDER}"));
        office.write("secret", "hunter2\n");
        let path = office.path(file);
        for is_folder in [true, false] {
            fs::remove_file(&path).unwrap();
            match is_folder {
                true => fs::create_dir(&path).unwrap(),
                false => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
            }
            for command in ["serve", "check"] {
                // A command that hangs fails the test.
                let done = office.run(&[command]);
                let said = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
                assert_eq!(done.code, Some(1), "{said}");
                assert!(
                    said.contains(file) && said.contains("it is no file"),
                    "{said}"
                );
            }
            if is_folder {
                fs::remove_dir(&path).unwrap();
                fs::write(&path, "").unwrap();
            }
        }
    }
}

#[test]
fn link_in_the_place_of_a_file_that_init_writes() {
    let office = Office::without_users();
    let elsewhere = office.path("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    for file in [
        "postroom.toml",
        "directory.toml",
        "tls/key.pem",
        "tls/ca-key.pem",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join(file);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&elsewhere, &link).unwrap();
        let folder = folder.path().to_str().unwrap();
        office.run(&[
            "init",
            "--domain",
            "example.com",
            "--loopback",
            "--dir",
            folder,
        ]);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine", "{file}");
    }
}
