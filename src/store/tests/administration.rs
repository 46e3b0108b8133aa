use super::support::*;

use super::super::*;

fn mail(office: &Office, user: &str, part: Part) -> Vec<MailRow> {
    wait(office.store().mail(entry(user).mailbox, part, None, 1000)).unwrap()
}

fn record(office: &Office, id: QueueId) -> Record {
    wait(office.store().record(id)).unwrap().unwrap()
}

fn restore(office: &Office, user: &str) -> Result<usize, StoreError> {
    let since = office.now.wall - 7 * DAY;
    wait(office.store().restore(user, since, office.now.wall)).map(|restored| restored.len())
}

#[test]
fn a_list_shows_the_heads_of_small_and_large_bodies() {
    let office = office();
    let small = office.deliver(&["anna"], SMALL);
    let large_id = office.deliver(&["anna"], &large());
    let rows = mail(&office, "anna", Part::Waiting);
    assert_eq!(
        rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        [small, large_id]
    );
    assert_eq!(rows[0].head.as_deref().unwrap(), SMALL);
    assert_eq!(rows[1].head.as_deref().unwrap(), &large()[..HEAD_OCTETS]);
    assert_eq!(rows[0].why, "alias for anna");
    assert_eq!(rows[0].reverse_path, "<sender@world.example>");
    assert_eq!(rows[0].received_at, office.now.wall);
    assert_eq!(rows[1].octets, office.listing("anna")[1].octets);
}

#[test]
fn a_list_has_its_parts_and_goes_on_where_it_stopped() {
    let office = office();
    for _ in 0..3 {
        office.deliver(&["anna"], SMALL);
    }
    office.collect("anna");
    office.deliver(&["anna"], SMALL);
    let parts = [(Part::Waiting, 1), (Part::Collected, 3), (Part::Both, 4)];
    for (part, expected) in parts {
        assert_eq!(mail(&office, "anna", part).len(), expected, "{part:?}");
    }
    let anna = MailboxName::User("anna".into());
    let first = wait(office.store().mail(anna.clone(), Part::Both, None, 3)).unwrap();
    let after = first.last().map(|row| row.entry);
    let second = wait(office.store().mail(anna, Part::Both, after, 3)).unwrap();
    assert_eq!((first.len(), second.len()), (3, 1));
}

#[test]
fn what_is_not_there_is_said_by_name() {
    let office = office();
    let nobody = StoreError::NoMailbox("nobody".into());
    let name = MailboxName::User("nobody".into());
    let listed = wait(office.store().mail(name, Part::Both, None, 1));
    assert_eq!(listed, Err(nobody.clone()));
    assert_eq!(restore(&office, "nobody"), Err(nobody));
    let id = QueueId::from_u64(7);
    assert_eq!(wait(office.store().record(id)), Ok(None));
    let missing = StoreError::NoMessage(id);
    assert_eq!(wait(office.store().erase(id)), Err(missing.clone()));
    assert_eq!(
        wait(office.store().delete_unclaimed(Unclaimed::Message(id))),
        Err(missing)
    );
    let given = wait(office.store().give(id, "anna", "given by hand", office.now));
    assert_eq!(given, Err(StoreError::NoMessage(id)));
}

#[test]
fn a_record_tells_a_messages_whole_story() {
    let mut office = office();
    let id = office.deliver(&["anna", ""], &large());
    office.pass(HOUR);
    office.collect("anna");
    let record = record(&office, id);
    assert_eq!(record.source, "smtp");
    assert_eq!(record.octets, large().len() as u64);
    assert_eq!(record.body_file, office.body_files().pop());
    let [anna, unclaimed] = record.entries.as_slice() else {
        panic!("{:?}", record.entries);
    };
    assert_eq!(anna.user.as_deref(), Some("anna"));
    assert_eq!(anna.why, "alias for anna");
    assert_eq!(anna.trace, trace("anna"));
    assert_eq!(anna.delivered_at, office.now.wall - HOUR);
    assert_eq!(anna.collected_at, Some(office.now.wall));
    assert_eq!(
        (unclaimed.user.as_ref(), unclaimed.collected_at),
        (None, None)
    );
    let content = office.content(unclaimed.entry).unwrap();
    assert!(content.ends_with(&large()));
}

#[test]
fn restored_mail_is_new_to_every_mail_program_and_never_doubled() {
    let mut office = office();
    let id = office.deliver(&["anna", "bob"], SMALL);
    let before = office.listing("anna")[0];
    let content = office.content(before.entry).unwrap();
    office.collect("anna");
    office.pass(DAY);
    assert_eq!(restore(&office, "anna"), Ok(1));
    let after = office.listing("anna");
    assert_eq!(after.len(), 1);
    assert_ne!(after[0].unique_id, before.unique_id);
    assert!(after[0].entry > before.entry);
    assert_eq!(after[0].octets, before.octets);
    assert_eq!(office.content(after[0].entry).unwrap(), content);
    assert_eq!(restore(&office, "anna"), Ok(0));
    assert_eq!(office.maildrop("anna").messages, 1);
    let record = record(&office, id);
    assert_eq!(record.entries.len(), 2);
    let restored = record.entries.last().unwrap();
    assert_eq!(restored.restored_at, Some(office.now.wall));
    assert_eq!(restored.delivered_at, office.now.wall - DAY);
    // And once more, after it was collected again.
    office.collect("anna");
    assert_eq!(restore(&office, "anna"), Ok(1));
    assert_eq!(office.maildrop("anna").messages, 1);
}

#[test]
fn a_restore_brings_back_only_what_was_collected_since() {
    let mut office = office();
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    office.pass(2 * DAY);
    let recent = office.deliver(&["anna"], &large());
    office.collect("anna");
    let since = office.now.wall - DAY;
    assert_eq!(
        wait(office.store().restore("anna", since, office.now.wall)),
        Ok(vec![recent])
    );
    assert!(office.listing("anna")[0].octets > 1000);
}

#[test]
fn a_session_that_is_open_does_not_see_restored_mail() {
    let office = office();
    office.deliver(&["anna"], SMALL);
    office.collect("anna");
    let maildrop = office.maildrop("anna");
    restore(&office, "anna").unwrap();
    assert_eq!(wait(office.store().listing(&maildrop)), Ok(vec![]));
}

#[test]
fn erased_mail_is_gone_everywhere_with_its_file() {
    let office = office();
    let id = office.deliver(&["anna", "bob", ""], &large());
    office.collect("bob");
    office.deliver(&["anna"], SMALL);
    assert_eq!(wait(office.store().erase(id)), Ok(3));
    assert!(office.body_files().is_empty());
    assert_eq!(wait(office.store().record(id)), Ok(None));
    assert_eq!(office.maildrop("anna").messages, 1);
    assert_eq!(office.summary(Some("bob")).collected_messages, 0);
    assert_eq!(office.summary(None).messages, 0);
}

#[test]
fn unclaimed_mail_is_given_once_and_its_evidence_stays() {
    let mut office = office();
    let id = office.deliver(&[""], SMALL);
    let store = office.store();
    wait(store.give(id, "anna", "given by hand", office.now)).unwrap();
    assert_eq!(office.summary(None).messages, 0);
    assert_eq!(mail(&office, "", Part::Waiting), []);
    let content = office.content(office.listing("anna")[0].entry).unwrap();
    assert_eq!(content, [trace(""), SMALL.to_vec()].concat());
    let again = wait(store.give(id, "anna", "given by hand", office.now));
    assert_eq!(again, Err(StoreError::AlreadyThere("anna".into())));
    wait(store.give(id, "bob", "given by hand", office.now)).unwrap();
    let story: Vec<_> = record(&office, id)
        .entries
        .into_iter()
        .map(|entry| (entry.user, entry.why, entry.collected_at.is_some()))
        .collect();
    let entry = |user: &str, why: &str, collected| {
        let user = (!user.is_empty()).then(|| user.to_string());
        (user, why.to_string(), collected)
    };
    assert_eq!(
        story,
        [
            entry("", "alias for ", true),
            entry("anna", "given by hand", false),
            entry("bob", "given by hand", false),
        ]
    );
    for _ in 0..31 {
        office.pass(DAY);
        office.sweep();
    }
    assert_eq!(record(&office, id).entries.len(), 2);
}

#[test]
fn mail_of_a_user_cannot_be_given_away_but_that_of_a_removed_one_can() {
    let office = office();
    let id = office.deliver(&["anna"], SMALL);
    let refused = wait(office.store().give(id, "bob", "given by hand", office.now));
    assert_eq!(refused, Err(StoreError::NotToGive(id)));
    wait(office.store().seal("anna", office.now.wall)).unwrap();
    wait(office.store().give(id, "bob", "given by hand", office.now)).unwrap();
    assert_eq!(office.maildrop("bob").messages, 1);
}

#[test]
fn deleting_unclaimed_mail_leaves_what_was_given_away() {
    let mut office = office();
    let old = office.deliver(&[""], &large());
    let given = office.deliver(&[""], SMALL);
    wait(
        office
            .store()
            .give(given, "anna", "given by hand", office.now),
    )
    .unwrap();
    office.pass(2 * DAY);
    let new = office.deliver(&[""], SMALL);
    let before = Unclaimed::Before(office.now.wall - DAY);
    assert_eq!(wait(office.store().delete_unclaimed(before)), Ok(vec![old]));
    assert_eq!(wait(office.store().record(old)), Ok(None));
    assert!(office.body_files().is_empty());
    assert_eq!(office.maildrop("anna").messages, 1);
    let gone = wait(office.store().delete_unclaimed(Unclaimed::Message(given)));
    assert_eq!(gone, Err(StoreError::NoMessage(given)));
    assert_eq!(
        wait(office.store().delete_unclaimed(Unclaimed::Message(new))),
        Ok(vec![new])
    );
    assert_eq!(office.summary(None).messages, 0);
}

/// The plan that SQLite makes for a statement, in one line.
fn plan(office: &Office, sql: &str) -> String {
    let db = office.database();
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines: Vec<String> = statement
        .raw_query()
        .mapped(|row| row.get("detail"))
        .collect::<Result<_, _>>()
        .unwrap();
    lines.join("; ")
}

#[test]
fn a_scan_listing_reads_one_index_and_no_entry() {
    let found = plan(&office(), maildrop::LISTING);
    let wanted =
        "SEARCH entry USING COVERING INDEX entry_mailbox (mailbox=? AND collected_at=? AND id<?)";
    assert_eq!(found, wanted);
}

#[test]
fn the_sweep_finds_the_oldest_in_one_index_without_sorting() {
    let found = plan(&office(), sweep::OLDEST);
    let wanted = "SEARCH entry USING COVERING INDEX entry_collected (collected_age<?)";
    assert_eq!(found, wanted);
}

#[test]
fn the_sweep_removes_a_message_without_reading_its_body() {
    let office = office();
    let db = office.database();
    let place: i64 = db
        .query_row(
            "SELECT cid FROM pragma_table_info('message') WHERE name = 'body'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    for sql in [sweep::UNREFERRED, sweep::REMOVE_MESSAGE] {
        let mut program = db.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let steps = program.raw_query().mapped(|row| {
            let operation: String = row.get("opcode")?;
            Ok((operation, row.get::<_, i64>("p2")?))
        });
        let steps: Vec<_> = steps.collect::<Result<_, _>>().unwrap();
        let read = ("Column".to_string(), place);
        assert!(!steps.contains(&read), "{sql}: {steps:?}");
    }
}

#[test]
fn no_question_about_one_mailbox_reads_the_others() {
    let office = office();
    let found = plan(&office, administration::COLLECTED);
    let wanted = "SEARCH entry USING COVERING INDEX entry_mailbox (mailbox=? AND collected_at>?)";
    assert_eq!(found, wanted);
    // A mailbox is removed by rename; the reference is looked up, not searched for.
    office.maildrop("anna");
    let steps = office.database().query_row(
        "SELECT count(*) FROM pragma_index_list('entry') AS list, pragma_index_info(list.name) AS col
         WHERE list.partial = 0 AND col.seqno = 0 AND col.name = 'mailbox'",
        [],
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(steps, Ok(1));
}
