//! Free pages of the database go back to the disk.
//!
//! Runs on the writer's thread, each step a transaction of its own.

use rusqlite::Connection;

/// A step of giving free pages back.
#[derive(Debug, Clone, Copy)]
pub(super) struct GivenBack {
    pub pages: i64,
    /// Another step has something to do.
    pub more: bool,
}

/// Pages that stay free for the next mail, in a database of this many pages:
/// giving back and growing again would write everything twice.
fn slack(page_count: i64) -> i64 {
    (page_count / 10).max(256)
}

/// One step, of so many pages at most.
pub(super) fn give_back(db: &Connection, pages: u32) -> rusqlite::Result<GivenBack> {
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let spare = number("freelist_count")? - slack(number("page_count")?);
    if spare <= 0 {
        return Ok(GivenBack {
            pages: 0,
            more: false,
        });
    }
    let step = spare.min(i64::from(pages));
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({step})"))?;
    let mut rows = statement.query([])?;
    // Each row is a step of the work; it stops when nobody asks for more.
    while rows.next()?.is_some() {}
    Ok(GivenBack {
        pages: step,
        more: spare > step,
    })
}
