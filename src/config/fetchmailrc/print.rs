//! Accounts as text for postroom.toml.

use std::path::Path;

use super::convert::text;
use super::{Import, ImportedAccount};

/// As wide as the files that `init` writes.
const WIDTH: usize = 88;

pub(super) fn to_toml(import: &Import, source: &Path, secrets: &Path) -> String {
    let mut out = String::new();
    let source = source.display().to_string();
    let head = format!(
        "From {}, by postroom import-fetchmailrc. Put it at the end of postroom.toml, the passwords \
         into their files, and see by \"postroom check\" and \"postroom fetch --dry-run\" what will \
         be. Stop fetchmail before the hub fetches: two who fetch from one mailbox share its mail.",
        text(&source)
    );
    comment(&mut out, &head);
    if !import.remarks.is_empty() {
        out.push('\n');
        comment(&mut out, "Of the file as a whole:");
        items(&mut out, &import.remarks);
    }
    if import.accounts.is_empty() {
        out.push('\n');
        comment(&mut out, "The file polls no server.");
    }
    for account in &import.accounts {
        out.push('\n');
        write_account(&mut out, account, secrets);
    }
    out
}

fn write_account(out: &mut String, account: &ImportedAccount, secrets: &Path) {
    comment(out, &account.origin);
    if let Some(why) = &account.inactive {
        comment(out, &format!("NOT ACTIVE. {why}"));
    }
    if !account.remarks.is_empty() {
        comment(out, "Not carried over, or to be looked at:");
        items(out, &account.remarks);
    }
    let mut block = String::from("[[provider]]\n");
    for setting in &account.settings {
        if let Some(text) = &setting.comment {
            comment(&mut block, text);
        }
        let value = match setting.key {
            "password_file" => text(&secrets.join(&account.name).display().to_string()),
            _ => setting.value.clone(),
        };
        block.push_str(&format!("{} = {value}\n", setting.key));
    }
    match account.is_active() {
        true => out.push_str(&block),
        false => {
            for line in block.lines() {
                out.push_str(&format!(
                    "#{line}
"
                ));
            }
        }
    }
}

fn items(out: &mut String, texts: &[String]) {
    for text in texts {
        wrap(out, text, "# - ", "#   ");
    }
}

fn comment(out: &mut String, text: &str) {
    wrap(out, text, "# ", "# ");
}

/// Breaks at blanks; what has none stays whole. No line can end the comment:
/// control characters were taken out where the text was read, and here again.
fn wrap(out: &mut String, text: &str, first: &str, next: &str) {
    let mut line = first.to_string();
    let mut is_empty = true;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = next.to_string();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(&line);
    out.push('\n');
}
