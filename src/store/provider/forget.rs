//! Forgetting what came from providers, when nothing can bring it back.
//!
//! Runs on the writer's thread, inside a transaction.

use std::time::Duration;

use rusqlite::{Connection, named_params};

use super::super::error::StoreError;
use super::super::time::duration_to_millis;
use super::{FetchedId, STEP_RECORDS};

/// How long a message must be gone from the provider's listings before its
/// record goes: some servers list badly once, or for a week.
const GRACE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a copy is known as one. Copies of one message come within minutes;
/// but a mailbox may be fetched for the first time with a month of mail in it.
pub(super) const COPIES_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The age counts up to the last whole listing and no further: while an account
/// is switched off nothing shows that its messages are really gone. Joined in
/// this order (CROSS) so that the index finds those whose time is over.
const OVER: &str = "SELECT fetched.id FROM provider CROSS JOIN fetched
         ON fetched.provider = provider.id
     WHERE fetched.missing_age <= provider.listed_age - :grace
         AND coalesce(fetched.removed_age, fetched.missing_age)
             <= provider.listed_age - :grace
     LIMIT :some";

/// Removes records and copies that are over at this age, some at a time.
/// Returns how many records and copies went.
pub(in crate::store) fn forget(db: &Connection, age: i64) -> Result<(u64, u64), StoreError> {
    let some = STEP_RECORDS as i64;
    let records = db
        .prepare_cached(&format!("DELETE FROM fetched WHERE id IN ({OVER})"))?
        .execute(named_params! {":grace": duration_to_millis(GRACE), ":some": some})?;
    let copies = db
        .prepare_cached(
            "DELETE FROM copy WHERE id IN
                 (SELECT id FROM copy WHERE copied_age <= :over ORDER BY copied_age LIMIT :some)",
        )?
        .execute(named_params! {
            ":over": age.saturating_sub(duration_to_millis(COPIES_KEPT)), ":some": some,
        })?;
    Ok((records as u64, copies as u64))
}

/// As [`super::Store::removed_at_provider`] says.
pub(super) fn note_removed(
    db: &Connection,
    records: &[FetchedId],
    age: i64,
) -> Result<(), StoreError> {
    // Without a unique-id nothing but its octets can show it again: it counts as
    // gone from here on.
    let mut note = db.prepare_cached(
        "UPDATE fetched SET removed_age = :age, missing_age =
             CASE WHEN unique_id IS NULL THEN coalesce(missing_age, :age) ELSE missing_age END
         WHERE id = :id",
    )?;
    for record in records {
        note.execute(named_params! {":age": age, ":id": record.0})?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn the_sweep_looks_only_at_records_that_are_missing() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db, std::path::Path::new("/data")).unwrap();
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {OVER}")).unwrap();
        let plan: Vec<String> = statement
            .raw_query()
            .mapped(|row| row.get("detail"))
            .collect::<Result<_, _>>()
            .unwrap();
        let wanted = [
            "SCAN provider",
            "SEARCH fetched USING INDEX fetched_missing (provider=? AND missing_age<?)",
        ];
        assert_eq!(plan, wanted);
    }
}
