use super::super::status::{CertificateState, Disk, SessionState, StoreState, TimeBucket};
use super::*;

fn status() -> Status {
    let named = |numbers: &[(&str, u64)]| {
        let own = numbers
            .iter()
            .map(|(name, number)| (name.to_string(), *number));
        own.collect::<BTreeMap<String, u64>>()
    };
    let mailbox = |user: Option<&str>, sealed_at, messages| MailboxState {
        user: user.map(str::to_string),
        messages,
        octets: messages * 1000,
        collected_messages: 1,
        collected_octets: 10,
        missing_since: None,
        now_called: None,
        sealed_at,
        last_login: None,
        waiting_since: None,
    };
    let session = |protocol: &str| SessionState {
        protocol: protocol.to_string(),
        peer: "192.0.2.9".to_string(),
        user: Some("anna".to_string()),
        since: 1,
    };
    Status {
        version: "1.2.3".to_string(),
        hub: Some(HubState {
            since: 1_800_000_000,
            hostname: "post.example.com".to_string(),
            memory_octets: Some(13_000_000),
            listeners: Vec::new(),
            sessions: vec![session("smtp"), session("pop3"), session("smtp")],
            certificate: Some(CertificateState {
                subject: "post.example.com".to_string(),
                issuer: "Office".to_string(),
                days_left: -3,
                expires_at: 1_799_000_000,
            }),
            failed_logins: 2,
            commits: 7,
            changes: 9,
            store: StoreState {
                failed_commits: 1,
                waiting_changes: 4,
                checkpoints: 2,
                commit_times: vec![
                    TimeBucket {
                        at_most: 0.0001,
                        count: 3,
                    },
                    TimeBucket {
                        at_most: 5.0,
                        count: 6,
                    },
                ],
                commit_seconds: 6.25,
            },
            figures: FiguresState {
                received_messages: 5,
                received_octets: 5000,
                logins: named(&[("good", 8), ("wrong", 2)]),
                ..FiguresState::default()
            },
            troubles: Vec::new(),
            recent_errors: Vec::new(),
        }),
        providers: vec![
            ProviderState {
                name: "a\"b\\c".to_string(),
                last_success: Some(1_800_000_100),
                fetched: 11,
                left: Some(3),
                ..ProviderState::default()
            },
            ProviderState {
                name: "new".to_string(),
                ..ProviderState::default()
            },
        ],
        mailboxes: vec![
            mailbox(None, None, 2),
            mailbox(Some("anna"), None, 3),
            mailbox(Some("bob"), Some(5), 4),
        ],
        disk: Disk {
            free: 10,
            total: 100,
            short: true,
        },
    }
}

#[test]
fn each_number_is_on_its_line() {
    let page = exposition(&status());
    for expected in [
        "postroom_build_info{version=\"1.2.3\"} 1",
        "postroom_start_time_seconds 1800000000",
        "postroom_certificate_days_left -3",
        "postroom_sessions_open{protocol=\"smtp\"} 2",
        "postroom_sessions_open{protocol=\"fetch\"} 0",
        "postroom_logins_total{result=\"good\"} 8",
        "postroom_received_bytes_total 5000",
        "postroom_commit_queue_changes 4",
        "postroom_commit_duration_seconds_bucket{le=\"0.0001\"} 3",
        "postroom_commit_duration_seconds_bucket{le=\"5\"} 6",
        "postroom_commit_duration_seconds_bucket{le=\"+Inf\"} 7",
        "postroom_commit_duration_seconds_sum 6.25",
        "postroom_commit_duration_seconds_count 7",
        "postroom_provider_up{provider=\"a\\\"b\\\\c\"} 1",
        "postroom_fetched_messages_total{provider=\"new\"} 0",
        "postroom_mailboxes 1",
        "postroom_waiting_messages 7",
        "postroom_unclaimed_messages 2",
        "postroom_restorable_bytes 30",
        "postroom_disk_short 1",
    ] {
        assert!(
            page.lines().any(|line| line == expected),
            "{expected} in\n{page}"
        );
    }
    assert!(!page.contains("postroom_provider_up{provider=\"new\"}"));
    assert!(
        !page.contains("anna") && !page.contains("192.0.2.9"),
        "{page}"
    );
}

/// Nothing but what the format allows: each line belongs to the metric whose head
/// stands above it, and each metric has one head.
#[test]
fn every_line_stands_under_its_head() {
    let page = exposition(&status());
    let mut heads = std::collections::BTreeSet::new();
    let (mut name, mut kind) = (String::new(), String::new());
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            name = help.split(' ').next().unwrap().to_string();
            assert!(heads.insert(name.clone()), "{name} twice");
        } else if let Some(told) = line.strip_prefix("# TYPE ") {
            kind = told.strip_prefix(&format!("{name} ")).unwrap().to_string();
            assert!(["gauge", "counter", "histogram"].contains(&kind.as_str()));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        } else {
            let (own, value) = line.rsplit_once(' ').unwrap();
            let own = own.split('{').next().unwrap();
            let suffixes = ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"));
            let belongs = match kind.as_str() {
                "histogram" => suffixes.contains(&own.to_string()),
                _ => own == name,
            };
            assert!(belongs, "{line} under {name}");
            value.parse::<f64>().unwrap();
        }
    }
    assert!(heads.len() > 30);
}

#[test]
fn without_a_hub_what_the_disk_holds_is_told() {
    let alone = Status {
        hub: None,
        ..status()
    };
    let page = exposition(&alone);
    assert!(page.contains("\npostroom_waiting_messages 7\n"));
    assert!(!page.contains("postroom_sessions_open"));
}
