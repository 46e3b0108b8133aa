//! What matters on the pages; the whole of them is for people to look at.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::sheet::{Away, Ca, Incoming, Outgoing, Sheet};

fn sheet() -> Sheet {
    Sheet {
        user: "anna".to_string(),
        addresses: vec![
            "anna@our.example".to_string(),
            "info@our.example".to_string(),
        ],
        password: Some("abcde-fghjk-mnpqr".to_string()),
        incoming: Incoming {
            host: "post.our.example".to_string(),
            instead: vec!["192.168.1.5".to_string()],
            port: 995,
            security: "SSL/TLS",
        },
        away: Some(Away {
            host: "home.our.example".to_string(),
            port: 995,
            is_same: false,
        }),
        outgoing: Some(Outgoing {
            host: "smtp.provider.example".to_string(),
            port: 465,
            security: "SSL/TLS",
            user: "anna@our.example".to_string(),
        }),
        ca: Some(Ca {
            name: "our.example office CA".to_string(),
            path: PathBuf::from("/etc/postroom/tls/ca.pem"),
            fingerprint: vec!["AB"; 32].join(":"),
        }),
        ask: Some("Bob, extension 12".to_string()),
        not_certified: Vec::new(),
    }
}

/// Without everything that a sheet can do without.
fn bare() -> Sheet {
    let mut incoming = sheet().incoming;
    incoming.instead.clear();
    Sheet {
        password: None,
        incoming,
        away: None,
        outgoing: None,
        ca: None,
        ask: None,
        ..sheet()
    }
}

#[test]
fn both_pages_say_everything_that_a_mail_program_asks() {
    for page in [sheet().text().unwrap(), sheet().html().unwrap()] {
        for expected in [
            "anna@our.example",
            "info@our.example",
            "POP3 (not IMAP)",
            "abcde-fghjk-mnpqr",
            "post.our.example",
            "if that does not work: 192.168.1.5",
            "home.our.example",
            "995",
            "smtp.provider.example",
            "465",
            "our.example office CA",
            "Thunderbird",
            "Outlook (classic)",
            "Apple Mail",
            "K-9 Mail",
            "Bob, extension 12",
        ] {
            assert!(page.contains(expected), "{expected:?} in {page}");
        }
        assert_eq!(page.matches("AB:AB").count(), 2 * 8, "{page}");
    }
}

#[test]
fn what_is_not_known_is_not_on_the_page() {
    for page in [bare().text().unwrap(), bare().html().unwrap()] {
        assert!(page.contains("in the office only"), "{page}");
        assert!(page.contains("As you have it now"), "{page}");
        assert!(page.contains("postroom user passwd anna"), "{page}");
        for absent in [
            "ca.pem",
            "certmgr",
            "Questions?",
            "holds a password",
            "does not work",
        ] {
            assert!(!page.contains(absent), "{absent:?} in {page}");
        }
    }
}

#[test]
fn what_people_wrote_is_no_markup_on_the_page() {
    let hostile = "<script>alert('x')</script> & \"quoted\"";
    let page = Sheet {
        ask: Some(hostile.to_string()),
        password: Some("</code><b>&amp;".to_string()),
        outgoing: Some(Outgoing {
            user: hostile.to_string(),
            ..sheet().outgoing.unwrap()
        }),
        ..sheet()
    };
    let html = page.html().unwrap();
    assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&lt;script&gt;alert("), "{html}");
    assert!(
        html.contains("&lt;&#x2f;code&gt;&lt;b&gt;&amp;amp;"),
        "{html}"
    );
    // The text one is for eyes, as it was written.
    assert!(page.text().unwrap().contains(hostile));
}

#[test]
fn the_text_fits_a_terminal_and_leaves_no_gaps() {
    for page in [sheet().text().unwrap(), bare().text().unwrap()] {
        for line in page.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            assert_eq!(line, line.trim_end());
        }
        assert!(!page.contains("\n\n\n"), "{page}");
        assert!(page.ends_with(".\n") || page.ends_with("12\n"), "{page}");
    }
}

#[test]
fn the_page_loads_nothing_and_is_good_html() {
    for sheet in [sheet(), bare()] {
        let html = sheet.html().unwrap();
        for loads in ["http", "src=", "url(", "@import", "<link"] {
            assert!(!html.contains(loads), "{loads}");
        }
        let tidy = Command::new("tidy")
            .args(["-quiet", "-errors", "--show-warnings", "yes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut tidy) = tidy else {
            println!("not looked at by tidy, which is not installed");
            return;
        };
        let mut pipe = tidy.stdin.take().unwrap();
        pipe.write_all(html.as_bytes()).unwrap();
        drop(pipe);
        let said = tidy.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stderr), "");
    }
}
