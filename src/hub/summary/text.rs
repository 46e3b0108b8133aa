//! What the summary says. Pure: what is told goes in, text comes out.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::mail::QueueId;

/// A line of the summary is read in a mail client.
const SHOWN_CHARS_MAX: usize = 120;

/// One unclaimed message.
#[derive(Debug, Clone)]
pub struct Item {
    /// The message.
    pub id: QueueId,
    /// When it came.
    pub received_at: SystemTime,
    /// Who sent it, as the message says.
    pub from: String,
    /// What it is about.
    pub subject: String,
    /// Its evidence; the first line is shown.
    pub why: String,
}

/// The subject for so many new messages.
pub fn subject(new: u64) -> String {
    match new {
        1 => "1 message is nobody's".to_string(),
        new => format!("{new} messages are nobody's"),
    }
}

/// The text: `new` have come, of which `items` are the newest, and `all` wait.
pub fn text(items: &[Item], new: u64, all: u64) -> String {
    let mut text = match new {
        1 => "A message has come that is nobody's: its recipient could not be decided.\n\
              It is kept until somebody gives it to a user or deletes it.\n"
            .to_string(),
        new => format!(
            "{new} messages have come that are nobody's: their recipients could not be\n\
             decided. They are kept until somebody gives them to a user or deletes them.\n"
        ),
    };
    if (items.len() as u64) < new {
        text.push_str(&format!("\nThe newest {} of them:\n", items.len()));
    }
    for item in items {
        text.push('\n');
        text.push_str(&paragraph(item));
    }
    text.push_str(&format!(
        "\nOn the machine of the hub:\n\n\
         postroom unclaimed show ID                 read it, and why nothing decided\n\
         postroom unclaimed give ID USER            give it to a user\n\
         postroom unclaimed give ID USER --always   and mail like it from now on\n\
         postroom unclaimed delete ID               delete it for good\n\
         postroom unclaimed list                    all that is nobody's ({all} now)\n"
    ));
    text
}

fn paragraph(item: &Item) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    // A clock that cannot be written is no reason to tell nothing.
    let at = OffsetDateTime::from(item.received_at)
        .format(form)
        .unwrap_or_default();
    format!(
        "{}   {at}\n  from     {}\n  subject  {}\n  why      {}\n",
        item.id,
        cut(&item.from),
        cut(&item.subject),
        cut(item.why.lines().next().unwrap_or_default())
    )
}

/// Strangers wrote it: in one line, and not without end.
fn cut(text: &str) -> String {
    let line = |c: char| if c.is_control() { ' ' } else { c };
    let mut chars = text.chars().map(line);
    let mut short: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn item(from: &str, subject: &str, why: &str) -> Item {
        Item {
            id: QueueId::from_u64(1),
            received_at: UNIX_EPOCH + Duration::from_secs(1_795_380_000),
            from: from.to_string(),
            subject: subject.to_string(),
            why: why.to_string(),
        }
    }

    #[test]
    fn a_message_is_told_with_what_helps_to_decide() {
        let item = item(
            "Zoë <z@z.example>",
            "Hello",
            "the provider wrote no X\n  To: y\n    is not ours",
        );
        let text = text(&[item], 1, 5);
        assert!(
            text.contains(
                "\n0000000000001   2026-11-22 20:40 UTC\n  from     Zoë <z@z.example>\n  subject  \
                 Hello\n  why      the provider wrote no X\n\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("all that is nobody's (5 now)\n"));
        assert_eq!(subject(1), "1 message is nobody's");
        for line in text.lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }

    #[test]
    fn a_stranger_writes_no_line_of_its_own_and_many_are_counted() {
        let forged = item("a\n\npostroom unclaimed delete", &"x".repeat(5000), "");
        let text = text(&[forged.clone(), forged], 120, 300);
        assert!(text.contains("The newest 2 of them:\n"));
        assert!(!text.contains("\npostroom unclaimed delete\n"));
        assert!(text.contains("from     a  postroom unclaimed delete\n"));
        assert!(text.lines().all(|line| line.chars().count() < 140));
        assert_eq!(subject(120), "120 messages are nobody's");
    }
}
