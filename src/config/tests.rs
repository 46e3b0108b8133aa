//! Whole files: the samples of etc/, the bad ones of tests/config/.

use std::fs;
use std::path::{Path, PathBuf};

use super::init::{Answers, Init, Reach};
use super::*;
use crate::mail::{Domain, Recipient};
use crate::route::{Route, UnknownUser};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// With the settings that hold anyway, written as `#name = …`, spelled out.
fn with_defaults_spelled_out(text: &str) -> String {
    let spell_out = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => {
            setting.to_string()
        }
        _ => line.to_string(),
    };
    text.lines().map(|line| spell_out(line) + "\n").collect()
}

#[test]
fn the_sample_settings_are_what_init_writes() {
    let init = Init {
        folder: PathBuf::from("/etc/postroom"),
        domain: Domain::parse("example.com").unwrap(),
        hostname: None,
        reach: Reach::World,
        answers: Answers::default(),
    };
    let sample = fs::read_to_string(repository("etc/postroom.toml")).unwrap();
    assert_eq!(sample, init.configuration());
}

#[test]
fn the_sample_settings_name_the_real_defaults() {
    let file = Path::new("/etc/postroom/postroom.toml");
    let sample = fs::read_to_string(repository("etc/postroom.toml")).unwrap();
    let spelled_out = with_defaults_spelled_out(&sample);
    assert_eq!(
        spelled_out.matches("\n#").count() + 27,
        sample.matches("\n#").count()
    );
    let minimal = "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n\
                   [tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n";
    let read = |text: &str| {
        let mut configuration = Configuration::parse(file, text).unwrap();
        configuration.routing.unknown_user.line = 0;
        format!("{configuration:#?}")
    };
    assert_eq!(read(&sample), read(minimal));
    assert_eq!(read(&spelled_out), read(minimal));
}

#[test]
fn the_sample_directory_loads() {
    let configuration = Configuration::load(&repository("etc/postroom.toml")).unwrap();
    let directory = configuration.load_directory().unwrap();
    for name in [
        "anna.smith@example.com",
        "SALES+x@example.com",
        "postmaster@example.com",
    ] {
        let recipient = Recipient::Address(crate::mail::Address::parse(name).unwrap());
        let route = directory.route(&recipient, std::time::Duration::ZERO);
        assert!(matches!(route, Route::Deliver(_)), "{name}: {route:?}");
    }
    assert_eq!(directory.rules().len(), 1);
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_or_a_file() {
    let file = Path::new("postroom.toml");
    let settings = fs::read(repository("etc/postroom.toml")).unwrap();
    let settings = with_defaults_spelled_out(std::str::from_utf8(&settings).unwrap());
    let configuration = Configuration::parse(file, &settings).unwrap();
    let directory = fs::read_to_string(repository("etc/directory.toml")).unwrap();
    let cut =
        |text: &str, end: usize| String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned();
    for end in 0..settings.len() {
        if let Err(error) = Configuration::parse(file, &cut(&settings, end)) {
            assert!(!error.to_string().contains('\n'));
        }
    }
    for end in 0..directory.len() {
        match configuration.parse_directory(&cut(&directory, end)) {
            Ok(directory) => assert!(!directory.users().is_empty()),
            Err(error) => assert!(!error.to_string().contains('\n')),
        }
    }
}

/// A bad file says in its first line what is answered to it:
/// `# postroom.toml:12: …`. A directory is read with the settings that stand
/// in it behind `#| ` marks, if there are any.
fn check_bad_file(path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let expected = text.lines().next().and_then(|line| line.strip_prefix("# "));
    let expected = expected.unwrap_or_else(|| panic!("{name}: no message in its first line"));
    let error = if name.starts_with("directory") {
        let marked = text.lines().filter_map(|line| line.strip_prefix("#| "));
        let settings: String = marked.map(|line| format!("{line}\n")).collect();
        let settings = match settings.is_empty() {
            true => "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n".to_string(),
            false => settings,
        };
        let configuration = Configuration::parse(Path::new("postroom.toml"), &settings).unwrap();
        configuration.parse_directory(&text).map(drop)
    } else {
        Configuration::parse(Path::new("postroom.toml"), &text).map(drop)
    };
    let error = error.expect_err(&format!("{name} is bad"));
    assert_eq!(error.to_string(), expected, "{name}");
    // Every password of these files has it.
    assert!(!expected.contains("HUNTER"), "{name}");
}

#[test]
fn each_bad_file_is_answered_with_its_message() {
    let files = fs::read_dir(repository("tests/config")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    // Beside them is what they name.
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() > 150, "they are there");
    for file in files {
        check_bad_file(&file);
    }
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("postroom.toml");
    let message = |file: &Path| {
        let error = Configuration::load(file).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(
        message(&file),
        "DIR/postroom.toml: cannot be read: No such file or directory (os error 2); \"postroom \
         setup\" sets up a first hub by questions (\"postroom init\" writes the files alone)"
    );
    fs::write(&file, b"hostname = \"\xff\"").unwrap();
    assert_eq!(
        message(&file),
        "DIR/postroom.toml: cannot be read: stream did not contain valid UTF-8; it must be text \
         in UTF-8"
    );
}

#[test]
fn a_reload_sees_what_has_changed_between_two_files() {
    let file = Path::new("postroom.toml");
    let settings = |routing: &str| {
        let text = format!(
            "\u{feff}hostname = \"post.example.com\"\r\ndomains = [\"example.com\", \
             \"bücher.example\"]\r\n[routing]\r\n{routing}\r\n"
        );
        Configuration::parse(file, &text)
    };
    let both = "[users.anna]\npassword = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$YW5uYWFubmFhbm5hYW5uYWFubmFhbm5hYW5uYWFubmE\"\n[users.bob]\npassword = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Ym9iIWJvYiFib2IhYm9iIWJvYiFib2IhYm9iIWJvYiE\"\n";
    let anna = "[users.anna]\npassword = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$YW5uYWFubmFhbm5hYW5uYWFubmFhbm5hYW5uYWFubmE\"\n";
    let catch_all = settings("unknown_user = \"bob\"\nreject = [\"info@bücher.example\"]").unwrap();
    assert_eq!(
        catch_all.routing.unknown_user.value,
        UnknownUser::CatchAll("bob".to_string())
    );
    assert_eq!(catch_all.parse_directory(both).unwrap().users().len(), 2);
    // Bob is gone from the file, and still the catch-all of the other one.
    assert_eq!(
        catch_all.parse_directory(anna).unwrap_err().to_string(),
        "postroom.toml:4: unknown_user = \"bob\": expected reject, unclaimed or the name of a \
         user; there is no such user"
    );
    let reject = settings("").unwrap();
    let directory = reject.parse_directory(anna).unwrap();
    assert_eq!(
        directory.all_addresses(),
        ["anna@example.com", "anna@xn--bcher-kva.example"]
    );
}
