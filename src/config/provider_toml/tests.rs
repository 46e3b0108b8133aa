//! Providers in whole files; the bad ones are in tests/config/.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::Configuration;
use crate::fetch::{PasswordMethod, TokenLine};
use crate::net::fetcher::Login;
use crate::net::tls::TrustedRoots;

const HEAD: &str = "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n";

/// A folder with the files that the sections name.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        let ca = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/files/ca.pem");
        fs::copy(ca, folder.path().join("ca.pem")).unwrap();
        let folder = Folder(folder);
        folder.write("secrets/main", "HUNTER2\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    fn parse(&self, text: &str) -> Result<Configuration, ConfigurationError> {
        Configuration::parse(&self.path("postroom.toml"), text)
    }
}

/// Every setting in every way to write it.
const ALL: &str = r#"
[[provider]]
name = "main"
host = "POP.bücher.example"
port = 1995
tls = "starttls"
user = "office"
password_file = "secrets/main"
method = "user"
ca = "ca.pem"
poll = "30 s"
office_hours = "Mon-Fri 07:00-19:00"
leave_on_server = "0 days"
mode = "envelope"
envelope_header = "received"
envelope_prefix = "office-"
trusted_hosts = ["provider.example", "192.0.2.0/24"]
copies = "per-recipient"
pipelining = "off"
max_message_size = "10 MB"
max_messages_per_poll = 500
max_octets_per_poll = "200 MB"

[[provider]]
name = "two"
host = "2001:db8::1"
user = "office"
password = "HUNTER2"
method = "apop"
fingerprint = "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"
mode = "guess"
copies = "per-message"
pipelining = "offered"

[[provider]]
name = "three"
host = "pop.provider.example"
tls = "none"
user = "office"
token_command = "get-token --secret HUNTER2"
mode = "single"
to = "anna"
"#;

#[test]
fn every_setting_is_read() {
    let folder = Folder::new();
    let configuration = folder.parse(&format!("{HEAD}{ALL}")).unwrap();
    let [main, two, three] = configuration.providers.as_slice() else {
        panic!("{:?}", configuration.providers);
    };
    let pem = fs::read(folder.path("ca.pem")).unwrap();
    let password = |method| Login::Password {
        password: std::sync::Arc::new(crate::fetch::Secret::new("HUNTER2")),
        method,
    };
    let expected = Provider {
        name: "main".to_string(),
        host: "pop.xn--bcher-kva.example".to_string(),
        port: 1995,
        security: Security::StlsRequired,
        trust: TrustedRoots::Pem(pem),
        user: "office".to_string(),
        login: password(PasswordMethod::UserPass),
        pipelining: Pipelining::Off,
        routing: Account {
            hostname: "post.example.com".to_string(),
            mode: Mode::Envelope {
                header: EnvelopeHeader::Received,
                prefix: "office-".to_string(),
            },
            trusted_hosts: TrustedHosts::parse(["provider.example", "192.0.2.0/24"]).unwrap(),
            copies: Copies::PerRecipient,
        },
        leave_on_server: Duration::ZERO,
        max_message_size: 10_000_000,
        caps: Caps {
            messages: Some(500),
            octets: Some(200_000_000),
        },
        schedule: Schedule {
            every: Duration::from_secs(30),
            hours: Some(OfficeHours {
                days: [true, true, true, true, true, false, false],
                from_minute: 7 * 60,
                to_minute: 19 * 60,
            }),
        },
    };
    assert_eq!(*main, expected);
    let expected = Provider {
        name: "two".to_string(),
        host: "2001:db8::1".to_string(),
        port: 995,
        security: Security::Tls,
        trust: TrustedRoots::Pinned("AB".repeat(32).parse().unwrap()),
        login: password(PasswordMethod::Apop),
        pipelining: Pipelining::Offered,
        routing: Account {
            mode: Mode::Guess,
            trusted_hosts: TrustedHosts::default(),
            copies: Copies::PerMessage,
            ..expected.routing
        },
        leave_on_server: LEAVE_DEFAULT,
        max_message_size: 50_000_000,
        caps: Caps::default(),
        schedule: Schedule {
            every: POLL_DEFAULT,
            hours: None,
        },
        ..expected
    };
    assert_eq!(*two, expected);
    assert_eq!((three.port, three.security), (110, Security::Clear));
    assert_eq!(three.trust, TrustedRoots::System);
    assert_eq!(
        three.routing.trusted_hosts.to_setting(),
        ["provider.example"]
    );
    assert!(matches!(
        &three.login,
        Login::Token {
            line: TokenLine::Own,
            ..
        }
    ));
    assert!(matches!(&three.routing.mode, Mode::Single { user } if user == "anna"));
}

#[test]
fn an_account_that_init_proposes_loads_with_the_real_defaults() {
    let folder = Folder::new();
    let sample = include_str!("../init/postroom.toml");
    let (_, section) = sample.split_once("# [[provider]]\n").unwrap();
    let (section, further) = section.split_once("#\n").unwrap();
    let lines: Vec<&str> = section
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .collect();
    let providers = |lines: &[&str]| {
        let section = format!("{HEAD}[[provider]]\n{}\n", lines.join("\n"));
        folder.parse(&section).unwrap().providers
    };
    let defaults = [
        "port",
        "tls",
        "poll",
        "leave_on_server",
        "trusted_hosts",
        "copies",
        "max_message_size",
    ];
    let is_default = |line: &&str| defaults.iter().any(|name| line.starts_with(name));
    let minimal: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| !is_default(line))
        .collect();
    assert_eq!(lines.len() - defaults.len(), minimal.len());
    assert_eq!(providers(&lines), providers(&minimal));
    assert_eq!(providers(&lines).len(), 1);
    // What it tells beside that are settings, too.
    let names = further
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .filter_map(|line| line.split_once(" = "));
    let mut count = 0;
    for (name, _) in names {
        let error = folder.parse(&format!("{HEAD}[[provider]]\n{name} = 1.5\n"));
        let error = error.unwrap_err().to_string();
        assert!(!error.contains("is not known"), "{error}");
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn accounts_cut_off_anywhere_are_an_error_or_accounts() {
    let folder = Folder::new();
    let text = format!("{HEAD}{ALL}");
    for end in 0..text.len() {
        let cut = String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned();
        if let Err(error) = folder.parse(&cut) {
            let error = error.to_string();
            assert!(
                !error.contains('\n') && !error.contains("HUNTER"),
                "{error}"
            );
        }
    }
}

#[test]
fn no_slip_of_one_character_shows_a_password() {
    let folder = Folder::new();
    let section = "[[provider]]\nname = \"main\"\nhost = \"pop.provider.example\"\nuser = \
                   \"office\"\npassword = \"HUNTER2\"\nmode = \"guess\"\n";
    let braces = "provider = [ { name = \"main\", user = \"office\", password = \"HUNTER2\",\n\
                  mode = \"guess\", host = \"pop.provider.example\" } ]\n";
    for section in [section, braces] {
        for at in 0..section.len() {
            for slip in [
                "", "\"", "'", "=", "#", "\n", "[", "}", "3", " ", "\\", "\u{1}",
            ] {
                for end in [at, at + 1] {
                    let text = format!("{HEAD}{}{slip}{}", &section[..at], &section[end..]);
                    let Err(error) = folder.parse(&text) else {
                        continue;
                    };
                    let error = error.to_string();
                    assert!(!error.contains("HUNTER"), "{error}\n{text}");
                }
            }
        }
    }
}

#[test]
fn a_password_in_a_line_of_another_kind_is_not_shown() {
    let folder = Folder::new();
    for line in [
        "user office password HUNTER2",
        "user = \"office\" password = \"HUNTER2\"",
        "password: HUNTER2",
        "password \"HUNTER2\"",
        "password = HUNTER2 # mine",
        "password.it = \"HUNTER2\"",
        "password = [\"HUNTER2\", 3]",
        "password = { it = \"HUNTER2\" }",
        "password = \"HUNTER2\" port = 995",
        "password = \"\"\"HUNTER2",
        "[password]\nit = \"HUNTER2\"",
        "[provider.password]\nit = \"HUNTER2\"",
        "[smtp]\npassword = \"HUNTER2\"",
        "[smtp]\nlisten = { password = \"HUNTER2\" }",
        "token_command = [\"get-token\", \"HUNTER2\"]",
        "passwrd = \"HUNTER2\"",
    ] {
        let text = format!("{HEAD}[[provider]]\nname = \"main\"\n{line}\n");
        let error = folder.parse(&text).unwrap_err().to_string();
        assert!(!error.contains("HUNTER"), "{error}");
    }
}

#[test]
fn a_password_is_in_no_debug_output() {
    let folder = Folder::new();
    let configuration = folder.parse(&format!("{HEAD}{ALL}")).unwrap();
    let text = format!("{:?}", configuration.providers[..2].to_vec());
    assert!(!text.contains("HUNTER") && !text.contains("72, 85, 78"));
}

#[test]
fn the_files_of_a_provider_are_watched_and_read_anew() {
    let folder = Folder::new();
    let text = format!("{HEAD}{ALL}");
    let before = folder.parse(&text).unwrap();
    for name in ["secrets/main", "ca.pem"] {
        assert!(before.files().contains(&folder.path(name)), "{name}");
    }
    assert_eq!(before.providers, folder.parse(&text).unwrap().providers);
    folder.write("secrets/main", "HUNTER3\n");
    assert_ne!(before.providers, folder.parse(&text).unwrap().providers);
}

#[test]
fn what_others_can_read_and_what_has_no_effect_is_told() {
    let folder = Folder::new();
    let text = format!("{HEAD}{ALL}");
    folder.write("postroom.toml", &text);
    let open = |name: &str, mode: u32| {
        fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).unwrap();
        let configuration = folder.parse(&text).unwrap();
        let warnings = configuration.warnings().into_iter();
        let root = format!("{}/", folder.0.path().display());
        warnings
            .map(|line| line.replace(&root, ""))
            .collect::<Vec<_>>()
    };
    let copies = "postroom.toml:20: copies means nothing with mode = \"envelope\"; it may go";
    assert_eq!(open("secrets/main", 0o640), [copies]);
    assert_eq!(open("ca.pem", 0o644), [copies]);
    let main = "secrets/main holds a password of a provider, and every user of this machine can \
                read or change it (mode 0644): chmod o= secrets/main";
    assert_eq!(open("secrets/main", 0o644), [main, copies]);
    let own = "postroom.toml holds a password of a provider, and every user of this machine can \
               read or change it (mode 0644): chmod o= postroom.toml";
    assert_eq!(open("postroom.toml", 0o644), [own, main, copies]);
    let without = text.replace("password = \"HUNTER2\"", "token_command = \"x\"");
    let without = without.replace("\"apop\"", "\"xoauth2-initial\"");
    let configuration = folder.parse(&without).unwrap();
    assert_eq!(configuration.warnings().len(), 2);
    assert!(matches!(
        &configuration.providers[1].login,
        Login::Token {
            line: TokenLine::Initial,
            ..
        }
    ));
}

#[test]
fn all_mail_of_a_provider_goes_to_somebody() {
    let folder = Folder::new();
    let configuration = folder.parse(&format!("{HEAD}{ALL}")).unwrap();
    let user = |name: &str| {
        format!(
            "[users.{name}]\npassword = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$\
             aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\"\n"
        )
    };
    let bob = configuration.parse_directory(&user("bob"));
    assert!(
        bob.unwrap_err()
            .to_string()
            .contains("postroom.toml:44: to = \"anna\"")
    );
    configuration.parse_directory(&user("ANNA")).unwrap();
    let alias = format!("{}[aliases]\nanna = [\"bob\"]\n", user("bob"));
    configuration.parse_directory(&alias).unwrap();
}
