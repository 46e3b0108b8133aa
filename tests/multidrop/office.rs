//! The office of the cases, and what becomes of its mail.

use std::collections::BTreeMap;
use std::path::PathBuf;

use postroom::mail::{Domain, HeaderBlock};
use postroom::route::multidrop::{
    Account, Copies, CopyDigest, Earlier, EnvelopeHeader, Mode, Settled, TrustedHosts, decide,
};
use postroom::route::{Alias, Directory, Entries, StoredPassword, UnknownUser, User};

/// Where the real mail lies; none where it is not there.
pub fn shared_mail() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/mail");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

pub const USERS: [&str; 8] = [
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank.miller",
    "grace-kim",
    "reception",
];

const ALIASES: [(&str, &[&str]); 9] = [
    ("sales", &["alice", "bob"]),
    ("info", &["carol"]),
    ("a.smith", &["alice"]),
    ("robert", &["bob"]),
    ("webmaster", &["erin"]),
    ("abuse", &["dave"]),
    ("postmaster", &["dave"]),
    (
        "staff",
        &[
            "alice",
            "bob",
            "carol",
            "dave",
            "erin",
            "frank.miller",
            "grace-kim",
        ],
    ),
    ("board", &["alice", "frank.miller"]),
];

/// The office of ../shared/mail/routing/office.json.
pub fn entries(unknown_user: UnknownUser) -> Entries {
    let user = |name: &&str| User {
        access: Default::default(),
        name: name.to_string(),
        password: StoredPassword::new("$argon2id$"),
        addresses: Vec::new(),
    };
    let alias = |(name, targets): &(&str, &[&str])| Alias {
        name: name.to_string(),
        targets: targets.iter().map(|target| target.to_string()).collect(),
    };
    Entries {
        domains: vec![Domain::parse("example.com").unwrap()],
        users: USERS.iter().map(user).collect(),
        aliases: ALIASES.iter().map(alias).collect(),
        unknown_user,
        ..Entries::default()
    }
}

pub fn directory() -> Directory {
    Directory::new(entries(UnknownUser::CatchAll("reception".to_string()))).unwrap()
}

/// An account: `envelope HEADER PREFIX`, `guess` or `single USER`.
pub fn account(mode: &str, trusted_hosts: &[&str], copies: Copies) -> Account {
    let words: Vec<&str> = mode.split_whitespace().collect();
    let mode = match words.as_slice() {
        ["envelope", header, prefix @ ..] => Mode::Envelope {
            header: EnvelopeHeader::named(header),
            prefix: prefix.first().unwrap_or(&"").to_string(),
        },
        ["guess"] => Mode::Guess,
        ["single", user] => Mode::Single {
            user: user.to_string(),
        },
        other => panic!("no mode: {other:?}"),
    };
    Account {
        hostname: "post.example.com".to_string(),
        mode,
        trusted_hosts: TrustedHosts::parse(trusted_hosts.iter().copied()).unwrap(),
        copies,
    }
}

/// How often each mailbox gets a message that comes as these copies, sorted:
/// `alice bob*2 unclaimed`.
pub fn deliver(account: &Account, directory: &Directory, copies: &[Vec<u8>]) -> String {
    let mut remembered: BTreeMap<[u8; 32], Earlier> = BTreeMap::new();
    let mut mailboxes: BTreeMap<String, usize> = BTreeMap::new();
    for copy in copies {
        let headers = HeaderBlock::read(copy);
        let mut digest = CopyDigest::begin(&headers);
        digest.update(&copy[headers.octets().len()..]);
        let earlier = remembered.entry(digest.finish()).or_default();
        let decision = decide(account, directory, &headers);
        assert!(!decision.targets.is_empty() || decision.unclaimed.is_some());
        if let Settled::Deliver(decision) = decision.settle(account.copies, earlier) {
            for target in decision.targets {
                assert!(target.why().len() > 5, "a delivery without a reason");
                *mailboxes.entry(target.user.clone()).or_default() += 1;
                earlier.users.push(target.user);
            }
            if let Some(evidence) = decision.unclaimed {
                assert!(!evidence.why.is_empty(), "unclaimed without a reason");
                *mailboxes.entry("unclaimed".to_string()).or_default() += 1;
            }
        }
        earlier.copies += 1;
    }
    let show = |(mailbox, count): (String, usize)| match count {
        1 => mailbox,
        count => format!("{mailbox}*{count}"),
    };
    mailboxes
        .into_iter()
        .map(show)
        .collect::<Vec<_>>()
        .join(" ")
}
