//! A small disk that another program fills.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::hub::{Office, eventually, run};
use crate::mail::{collect, waiting};
use crate::{
    begun, large, on_a_disk_of_its_own, reply_to, reply_to_mail, send_and_see, small, told_once,
};

/// Another program's file, which takes all the room that there is.
struct Filler(PathBuf);

impl Filler {
    fn fill(disk: &Path) -> Filler {
        let path = disk.join("filler");
        let mut file = File::create(&path).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let mut size = piece.len();
        while size > 0 {
            if file.write_all(&piece[..size]).is_err() {
                size /= 2;
            }
        }
        Filler(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn reserve(office: &Office) -> bool {
    office.path("data/reserve").exists()
}

#[test]
fn disk_that_another_program_fills() {
    on_a_disk_of_its_own(
        "disk_really_full::disk_that_another_program_fills",
        96,
        |disk| {
            let office = Office::new();
            office.set("store", "keep_free = \"1 MB\"");
            let mut hub = office.serve();
            for _ in 0..8 {
                assert!(send_and_see(&hub, &large()).starts_with("250 "));
                assert!(send_and_see(&hub, &small()).starts_with("250 "));
            }
            assert!(reserve(&office));
            let mut early = [begun(&hub), begun(&hub)];
            let filler = Filler::fill(disk);
            assert!(reply_to_mail(&hub).starts_with("452 4.3.1 "));
            let [first, second] = &mut early;
            for (smtp, content) in [(first, small()), (second, large())] {
                let reply = reply_to(smtp, &content);
                assert!(reply.starts_with("452 4.3.1 "), "{reply}");
            }
            // The reserve lets the office collect, and the sweep make room of it.
            assert_eq!(collect(&hub, "anna").len(), 16);
            hub.wait_for_log("[INFO] swept ");
            assert_eq!(waiting(&hub, "anna"), 0);
            told_once(&hub, "less room than keep_free");
            drop(filler);
            hub.wait_for_log("[INFO] the disk has room again");
            assert!(send_and_see(&hub, &large()).starts_with("250 "));
            eventually("the reserve is back", || reserve(&office));

            // A start while it is full again.
            hub.stop();
            let filler = Filler::fill(disk);
            let hub = office.serve();
            assert!(reply_to_mail(&hub).starts_with("452 4.3.1 "));
            assert_eq!(collect(&hub, "anna").len(), 1);
            drop(filler);
            eventually("mail comes in again", || {
                reply_to_mail(&hub).starts_with("250 ")
            });
            assert!(send_and_see(&hub, &large()).starts_with("250 "));
        },
    );
}

#[test]
fn commands_on_a_full_disk_leave_the_files_whole() {
    on_a_disk_of_its_own(
        "disk_really_full::commands_on_a_full_disk_leave_the_files_whole",
        48,
        |disk| {
            let office = Office::new();
            let before = office.read("directory.toml");
            let filler = Filler::fill(disk);
            for arguments in [
                &["user", "add", "carla", "--password-stdin"][..],
                &["user", "passwd", "anna", "--password-stdin"],
                &["alias", "set", "sales", "anna"],
                &["user", "rename", "anna", "anne"],
            ] {
                let why = run(office.command(arguments), b"another\n").bad();
                assert!(
                    why.contains("No space left") || why.contains("disk is full"),
                    "{arguments:?}: {why}"
                );
                assert_eq!(office.read("directory.toml"), before, "{arguments:?}");
            }
            fs::create_dir(office.path("new")).unwrap();
            let init = [
                "init",
                "--domain",
                "example.org",
                "--hostname",
                "post.example.org",
                "--dir",
                "new",
            ];
            let why = office.run(&init).bad();
            assert!(why.contains("No space left"), "{why}");
            drop(filler);
            office.good(&init);
            office.good(&["alias", "set", "sales", "anna"]);
            let left = fs::read_dir(office.path("")).unwrap();
            let left: Vec<_> = left.map(|found| found.unwrap().file_name()).collect();
            assert!(
                !left
                    .iter()
                    .any(|name| name.to_string_lossy().ends_with(".new")),
                "{left:?}"
            );
        },
    );
}

#[test]
fn backups_on_a_full_disk_leave_the_earlier_ones_whole() {
    let name = "disk_really_full::backups_on_a_full_disk_leave_the_earlier_ones_whole";
    on_a_disk_of_its_own(name, 64, |disk| {
        let office = Office::new();
        office.set("store", "keep_free = \"1 MB\"");
        let hub = office.serve();
        assert!(send_and_see(&hub, &large()).starts_with("250 "));
        let [folder, tar] = ["b/", "b.tar"].map(|name| disk.join(name));
        let places = [folder.to_str().unwrap(), tar.to_str().unwrap()];
        for place in places {
            office.good(&["backup", place]);
        }
        assert!(send_and_see(&hub, &large()).starts_with("250 "));
        let filler = Filler::fill(disk);
        for place in places {
            let why = office.run(&["backup", place]).bad();
            assert!(why.contains("free some room there"), "{why}");
            // An archive's database is looked at elsewhere.
            let mut verify = office.command(&["verify", place]);
            verify.env("TMPDIR", "/var/tmp");
            run(verify, b"").good();
        }
        drop(filler);
        for place in places {
            let said = office.good(&["backup", place, "--verify"]);
            assert!(said.contains("2 messages"), "{said}");
        }
        let left = fs::read_dir(disk).unwrap();
        let left: Vec<_> = left.map(|found| found.unwrap().file_name()).collect();
        let is_part = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".part");
        assert!(!left.iter().any(is_part), "{left:?}");
    });
}

#[test]
fn log_file_on_a_full_disk() {
    let name = "disk_really_full::log_file_on_a_full_disk";
    on_a_disk_of_its_own(name, 64, |disk| {
        let office = Office::new();
        office.set("log", "file = \"postroom.log\"");
        let hub = office.serve();
        let filler = Filler::fill(disk);
        // More than a block of it.
        for _ in 0..60 {
            assert!(reply_to_mail(&hub).starts_with("452 4.3.1 "));
        }
        let held = office.read("postroom.log").lines().count();
        assert!(held < hub.log().lines().count());
        drop(filler);
        reply_to_mail(&hub);
        let log = office.read("postroom.log");
        assert!(log.lines().count() > held, "{held} {log}");
        for line in log.lines() {
            assert!(line.starts_with("20"), "{line}");
            assert!(line.matches("Z [").count() < 2, "{line}");
        }
    });
}
