//! Mail that nobody collects, and PCs that do not come.

use std::time::SystemTime;

use super::finding::{Finding, Findings, Topic};
use crate::cli::output::time;
use crate::config::Configuration;
use crate::control::{MailboxState, Status, seconds};
use crate::route::{Access, Directory};

/// A PC that is on holiday longer than this is worth a look; so is mail that
/// waits.
const LONG_S: i64 = 7 * 24 * 60 * 60;

pub fn look(configuration: &Configuration, status: &Status, findings: &mut Findings<'_>) {
    let now = seconds(SystemTime::now());
    let tray = status.mailboxes.iter().find(|found| found.user.is_none());
    if let Some(tray) = tray {
        look_at_tray(tray, findings);
    }
    tell_of_sealed(status, findings);
    // Without the directory nobody knows who is still there.
    let Ok(directory) = configuration.load_directory() else {
        return;
    };
    look_for_missing(status, &directory, findings);
    let mut without_login = Vec::new();
    let mut polling = 0;
    for user in directory.users() {
        let mailboxes = &mut status.mailboxes.iter();
        let own = mailboxes.find(|found| {
            found.user.as_deref() == Some(user.name.as_str()) && found.sealed_at.is_none()
        });
        if user.access == Access::Disabled {
            // No PC of his may come.
            if let Some(mailbox) = own.filter(|mailbox| mailbox.messages > 0) {
                findings.add(disabled(&user.name, mailbox));
            }
            continue;
        }
        match own.map_or(Polls::Never, |mailbox| judge(&user.name, mailbox, now)) {
            Polls::Well => polling += 1,
            Polls::Badly(finding) => findings.add(finding),
            Polls::Never => without_login.push(user.name.as_str()),
        }
    }
    if polling > 0 {
        findings.add(Finding::good(
            Topic::Polls,
            format!(
                "{polling} of {} users have polled within a week",
                directory.users().len()
            ),
        ));
    }
    if !without_login.is_empty() {
        findings.add(
            Finding::note(
                Topic::Polls,
                format!(
                    "users who have never logged in: {}",
                    without_login.join(", ")
                ),
            )
            .mend("set up their mail programs; postroom user passwd NAME makes a new password"),
        );
    }
}

/// Mailboxes whose users were taken out by hand: a slip, or half a removal.
fn look_for_missing(status: &Status, directory: &Directory, findings: &mut Findings<'_>) {
    for mailbox in status.mailboxes.iter().filter(|it| it.sealed_at.is_none()) {
        let Some(user) = &mailbox.user else {
            continue;
        };
        // Where no hub has seen the new directory, nothing is noted yet.
        if mailbox.missing_since.is_none() && mailbox.now_called.is_none() {
            continue;
        }
        if directory.users().iter().any(|known| known.name == *user) {
            continue;
        }
        let since = mailbox.missing_since.map(time);
        let since = since.map_or(String::new(), |since| format!(" since {since}"));
        let waiting = waiting(mailbox);
        let finding = match &mailbox.now_called {
            Some(new) => Finding::warning(
                Topic::Mail,
                format!(
                    "{user} is not in directory.toml{since}, but {new} with the same password entry; {waiting} in the \
                     mailbox of {user}"
                ),
            )
            .mend(format!("postroom user rename {user} {new} gives it to {new}")),
            None => Finding::warning(
                Topic::Mail,
                format!("{user} is not in directory.toml{since}, and {waiting} in the mailbox"),
            )
            .mend(format!(
                "a slip: put the same lines back into directory.toml, or postroom user add {user} --same-person; meant: \
                 postroom user remove {user}, which keeps the mail"
            )),
        };
        findings.add(finding);
    }
}

/// Mail of those who had a name before somebody else, or nobody: by a removal, or by an
/// edit that made it so.
fn tell_of_sealed(status: &Status, findings: &mut Findings<'_>) {
    for mailbox in &status.mailboxes {
        let (Some(user), Some(sealed_at)) = (&mailbox.user, mailbox.sealed_at) else {
            continue;
        };
        if mailbox.messages == 0 {
            continue;
        }
        let text = format!(
            "a mailbox of an earlier {user} is sealed since {}, and {} in it",
            time(sealed_at),
            waiting(mailbox)
        );
        findings.add(Finding::note(Topic::Mail, text).mend(format!(
            "postroom mail list {user} shows it, postroom unclaimed give ID USER gives a message to somebody, postroom \
             user erase {user} removes it for good"
        )));
    }
}

fn look_at_tray(tray: &MailboxState, findings: &mut Findings<'_>) {
    if tray.messages == 0 {
        return;
    }
    let oldest = tray.waiting_since.map(time);
    let oldest = oldest.map_or(String::new(), |since| format!(", the oldest since {since}"));
    findings.add(
        Finding::warning(
            Topic::Mail,
            format!("{} unclaimed messages{oldest}", tray.messages),
        )
        .mend("postroom unclaimed list shows them, postroom unclaimed give ID USER gives them to somebody"),
    );
}

fn disabled(user: &str, mailbox: &MailboxState) -> Finding {
    let text = format!("{user} is disabled, and {}", waiting(mailbox));
    Finding::note(Topic::Mail, text).mend(format!(
        "postroom user enable {user} lets the PC collect it; once {user} is removed (the mail is kept), postroom alias set {user} \
         OTHER sends new mail to somebody else"
    ))
}

fn waiting(mailbox: &MailboxState) -> String {
    match mailbox.messages {
        0 => "nothing waits".to_string(),
        1 => "1 message waits".to_string(),
        messages => format!("{messages} messages wait"),
    }
}

/// How a user's PC polls.
enum Polls {
    Well,
    Never,
    Badly(Finding),
}

fn judge(user: &str, mailbox: &MailboxState, now: i64) -> Polls {
    let is_long_ago = |at: i64| now.saturating_sub(at) > LONG_S;
    let waits_long = mailbox.waiting_since.is_some_and(is_long_ago);
    let waiting = waiting(mailbox);
    let Some(last) = mailbox.last_login else {
        if !waits_long {
            return Polls::Never;
        }
        let text = format!("{user} has never logged in, and {waiting}, since more than a week");
        let finding = Finding::warning(Topic::Polls, text).mend(format!(
            "set up {user}'s mail program; or take {user} out (postroom user remove keeps the mail), and send new mail to \
             somebody else: postroom alias set {user} OTHER"
        ));
        return Polls::Badly(finding);
    };
    if !is_long_ago(last) {
        // What waits although the PC polls is left there by its mail program.
        return Polls::Well;
    }
    let text = format!(
        "{user} has not polled since {}, more than a week; {waiting}",
        time(last)
    );
    let finding = Finding::warning(Topic::Polls, text).mend(format!(
        "holiday, or {user}'s mail program is broken: look at the PC, and for its log-ins in the log"
    ));
    Polls::Badly(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 24 * 60 * 60;
    const NOW: i64 = 1_800_000_000;

    fn mailbox(last_login: Option<i64>, waiting_since: Option<i64>) -> MailboxState {
        MailboxState {
            user: Some("anna".to_string()),
            messages: waiting_since.map_or(0, |_| 2),
            octets: 0,
            collected_messages: 0,
            collected_octets: 0,
            missing_since: None,
            now_called: None,
            sealed_at: None,
            last_login: last_login.map(|days| NOW - days * DAY_S),
            waiting_since: waiting_since.map(|days| NOW - days * DAY_S),
        }
    }

    #[test]
    fn a_pc_is_warned_of_after_a_week() {
        let said = |last_login, waiting_since| match judge(
            "anna",
            &mailbox(last_login, waiting_since),
            NOW,
        ) {
            Polls::Well => "well".to_string(),
            Polls::Never => "never".to_string(),
            Polls::Badly(finding) => finding.text,
        };
        assert_eq!(said(Some(1), None), "well");
        assert_eq!(said(Some(6), Some(300)), "well");
        assert_eq!(said(None, None), "never");
        assert_eq!(said(None, Some(3)), "never");
        assert!(said(None, Some(8)).contains("never logged in, and 2 messages wait"));
        let gone = said(Some(8), Some(1));
        assert!(gone.contains("has not polled since 2027-01-07"), "{gone}");
        assert!(said(Some(8), None).ends_with("nothing waits"));
    }
}
