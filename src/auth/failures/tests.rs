use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn delays_grow_to_a_limit_and_decay() {
    let mut log = FailureLog::new();
    let start = Instant::now();
    let peer = address("192.0.2.1");
    let delays: Vec<_> = (0..6)
        .map(|_| log.failed(peer, "anna", start).delay.as_secs())
        .collect();
    assert_eq!(delays, [1, 2, 4, 8, 15, 15]);
    // Six failures; after ten minutes five are forgotten.
    let later = log.failed(peer, "anna", start + 10 * MINUTE);
    assert_eq!(
        later,
        HeldBack {
            delay: 2 * SECOND,
            by_address: 2,
            by_user: 2
        }
    );
    assert_eq!(
        log.counts(start + 10 * MINUTE),
        FailureCounts {
            failures: 7,
            addresses: 1,
            users: 1
        }
    );
    assert_eq!(
        log.counts(start + 60 * MINUTE),
        FailureCounts {
            failures: 7,
            addresses: 0,
            users: 0
        }
    );
}

#[test]
fn an_attack_of_days_is_forgotten_in_two_hours() {
    let mut log = FailureLog::new();
    let start = Instant::now();
    for _ in 0..100_000 {
        assert!(log.failed(address("192.0.2.1"), "anna", start).delay <= LONGEST_DELAY);
    }
    assert_eq!(log.counts(start + 119 * MINUTE).addresses, 1);
    assert_eq!(log.counts(start + 120 * MINUTE).addresses, 0);
}

#[test]
fn one_address_with_many_users_and_one_user_from_many_addresses_are_both_slowed() {
    let now = Instant::now();
    let mut log = FailureLog::new();
    for number in 0..10 {
        log.failed(address("192.0.2.1"), &format!("user{number}"), now);
    }
    assert_eq!(
        log.failed(address("192.0.2.1"), "anna", now).delay,
        LONGEST_DELAY
    );
    let mut log = FailureLog::new();
    for number in 0..10 {
        log.failed(address(&format!("192.0.2.{number}")), "Anna", now);
    }
    assert_eq!(
        log.failed(address("198.51.100.1"), "anna", now).delay,
        LONGEST_DELAY
    );
}

#[test]
fn another_spelling_of_a_name_is_counted_as_the_same_user() {
    let now = Instant::now();
    for (one, other) in [
        ("anna", "ANNA"),
        ("anna", "anna@example.com"),
        ("anna", "anna@elsewhere.example"),
        ("anna", "anna+shop"),
        ("anna", "\"anna\"@example.com"),
        ("a b", "A B"),
    ] {
        let mut log = FailureLog::new();
        log.failed(address("192.0.2.1"), one, now);
        let again = log.failed(address("198.51.100.1"), other, now);
        assert_eq!((again.by_address, again.by_user), (1, 2), "{other}");
        log.succeeded(address("192.0.2.1"), other, now);
        let left = log.failed(address("203.0.113.1"), one, now);
        assert_eq!(left.by_user, 2, "{other}");
    }
}

#[test]
fn addresses_that_are_one_peer_count_as_one() {
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("2001:db8::1", "2001:db8::ffff:1", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        assert_eq!(
            Household::of(address(one)) == Household::of(address(other)),
            same,
            "{one} {other}"
        );
    }
}

#[test]
fn a_success_forgives_the_own_slips_and_no_others() {
    let now = Instant::now();
    let mut log = FailureLog::new();
    let (office, attacker) = (address("192.0.2.1"), address("198.51.100.1"));
    for _ in 0..3 {
        log.failed(office, "anna", now);
    }
    for _ in 0..5 {
        log.failed(attacker, "anna", now);
    }
    log.failed(office, "bob", now);
    log.succeeded(office, "anna", now);
    let next = log.failed(office, "anna", now);
    assert_eq!((next.by_address, next.by_user), (2, 6));
    // The attacker's own account does not clear what he tried with anna's.
    log.succeeded(attacker, "mallory", now);
    assert_eq!(log.failed(attacker, "carol", now).by_address, 6);
}

#[test]
fn whoever_has_failed_of_late_has_a_later_turn() {
    let start = Instant::now();
    let mut log = FailureLog::new();
    let (one, other) = (address("2001:db8::1"), address("2001:db8:0:1::1"));
    log.failed(one, "anna", start);
    assert_eq!(log.turn(address("2001:db8::2"), start), Turn::Later);
    assert_eq!(log.turn(other, start), Turn::First);
    assert_eq!(log.turn(one, start + FORGET_ONE), Turn::First);
    log.succeeded(one, "anna", start);
    assert_eq!(log.turn(one, start), Turn::First);
}

#[test]
fn the_tables_are_bounded_and_the_hardest_attacker_stays_in() {
    let now = Instant::now();
    let mut log = FailureLog::new();
    for _ in 0..5 {
        log.failed(address("192.0.2.1"), "anna", now);
    }
    for number in 0..2 * u32::try_from(CAPACITY).unwrap() {
        let peer = IpAddr::from((0x0a00_0000_u32 + number).to_be_bytes());
        log.failed(peer, &"é".repeat(10_000), now);
    }
    assert_eq!(log.by_address.counts.len(), CAPACITY);
    assert!(
        log.by_user
            .counts
            .keys()
            .all(|name| name.len() <= NAME_OCTETS)
    );
    assert_eq!(log.failed(address("192.0.2.1"), "anna", now).by_address, 6);
}
