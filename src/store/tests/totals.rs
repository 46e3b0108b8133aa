//! The totals that STAT shows are always what the entries sum to.

use std::time::Duration;

use proptest::prelude::*;

use super::support::*;

use super::super::*;

const USERS: [&str; 3] = ["anna", "bob", "eve"];

#[derive(Debug, Clone)]
enum Act {
    Deliver { users: Vec<usize>, octets: usize },
    Collect { user: usize, some: usize },
    Restore { user: usize },
    Give { some: usize, user: usize },
    Erase { some: usize },
    DeleteUnclaimed,
    Seal { user: usize },
    Rename { from: usize, to: usize },
    Sweep { days: u32, budget: u64 },
    Reopen,
}

fn acts() -> impl Strategy<Value = Act> {
    let user = 0..USERS.len();
    let users = prop::collection::btree_set(0..=USERS.len(), 1..=4);
    prop_oneof![
        6 => (users, prop_oneof![0..2000_usize, Just(INLINE_OCTETS + 1)]).prop_map(
            |(users, octets)| Act::Deliver { users: users.into_iter().collect(), octets }
        ),
        4 => (user.clone(), 0..4_usize).prop_map(|(user, some)| Act::Collect { user, some }),
        2 => user.clone().prop_map(|user| Act::Restore { user }),
        2 => (0..20_usize, user.clone()).prop_map(|(some, user)| Act::Give { some, user }),
        1 => (0..20_usize).prop_map(|some| Act::Erase { some }),
        1 => Just(Act::DeleteUnclaimed),
        1 => user.clone().prop_map(|user| Act::Seal { user }),
        1 => (user.clone(), user).prop_map(|(from, to)| Act::Rename { from, to }),
        2 => (0..40_u32, 0..200_000_u64).prop_map(|(days, budget)| Act::Sweep { days, budget }),
        1 => Just(Act::Reopen),
    ]
}

fn perform(office: &mut Office, ids: &mut Vec<QueueId>, act: Act) {
    let now = office.now;
    let user = |place: usize| USERS.get(place).copied().unwrap_or("");
    let picked = |some: usize| ids.get(some % ids.len().max(1)).copied();
    let id = |some| picked(some).unwrap_or(QueueId::from_u64(1));
    // Refusals are fine here: whatever is answered, the totals must be right.
    match act {
        Act::Deliver { users, octets } => {
            let users: Vec<_> = users.into_iter().map(user).collect();
            let delivered = office.deliver(&users, &vec![b'x'; octets]);
            ids.push(delivered);
        }
        Act::Collect { user: who, some } => {
            let maildrop = office.maildrop(user(who));
            let listing = office.listing(user(who));
            let entries = listing
                .iter()
                .step_by(some + 1)
                .map(|scan| scan.entry)
                .collect();
            wait(office.store().collect(maildrop.mailbox, entries, now)).unwrap();
        }
        Act::Restore { user: who } => {
            let _ = wait(
                office
                    .store()
                    .restore(user(who), now.wall - 10 * DAY, now.wall),
            );
        }
        Act::Give { some, user: who } => {
            let _ = wait(
                office
                    .store()
                    .give(id(some), user(who), "given by hand", now),
            );
        }
        Act::Erase { some } => {
            let _ = wait(office.store().erase(id(some)));
        }
        Act::DeleteUnclaimed => {
            let before = Unclaimed::Before(now.wall - DAY);
            wait(office.store().delete_unclaimed(before)).unwrap();
        }
        Act::Seal { user: who } => {
            let _ = wait(office.store().seal(user(who), now.wall));
        }
        Act::Rename { from, to } => {
            let _ = wait(office.store().rename(user(from), user(to), office.now.wall));
        }
        Act::Sweep { days, budget } => {
            office.pass(days * DAY + Duration::from_secs(1));
            office.store().set_keep(Keep {
                collected_max: Budget::Octets(budget),
                ..Keep::default()
            });
            office.sweep();
        }
        Act::Reopen => office.reopen(),
    }
}

fn check(office: &Office) {
    let wrong = office.number(
        "SELECT count(*) FROM mailbox AS b WHERE
           (messages, octets) IS NOT (SELECT count(*), coalesce(sum(octets), 0) FROM entry
               WHERE mailbox = b.id AND collected_at IS NULL)
           OR (collected_messages, collected_octets) IS NOT
               (SELECT count(*), coalesce(sum(octets), 0) FROM entry
                WHERE mailbox = b.id AND collected_at IS NOT NULL)",
    );
    assert_eq!(wrong, 0, "mailboxes with wrong totals");
    let idle =
        office.number("SELECT count(*) FROM message WHERE id NOT IN (SELECT message FROM entry)");
    assert_eq!(idle, 0, "messages without an entry");
    let doubled = office.number("SELECT count(*) - count(DISTINCT unique_id) FROM entry");
    assert_eq!(doubled, 0, "unique-ids that name two entries");
    let named = office.number("SELECT count(*) FROM message WHERE body_file IS NOT NULL");
    assert_eq!(named, office.body_files().len() as i64, "files");
    for user in USERS {
        let maildrop = office.maildrop(user);
        let listing = office.listing(user);
        assert_eq!(maildrop.messages, listing.len() as u64);
        let octets: u64 = listing.iter().map(|scan| scan.octets).sum();
        assert_eq!(maildrop.octets, octets);
    }
    assert_eq!(
        office
            .database()
            .query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
            .unwrap(),
        "ok"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn totals_are_what_the_entries_sum_to(acts in prop::collection::vec(acts(), 1..40)) {
        let mut office = office();
        let mut ids = Vec::new();
        for act in acts {
            perform(&mut office, &mut ids, act);
        }
        check(&office);
        office.reopen();
        check(&office);
    }
}
