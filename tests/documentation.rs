//! The pages in docs/ say what the program does.

use std::fs;
use std::path::Path;

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The words that each line of the mail log begins with.
fn events() -> Vec<String> {
    let source = text("src/journal.rs");
    let code = source.split("#[cfg(test)]").next().unwrap();
    let mut events = Vec::new();
    for level in ["info!(", "warn!(", "error!(", "debug!("] {
        for (at, _) in code.match_indices(level) {
            let line = code[at + level.len()..].trim_start();
            let Some(line) = line.strip_prefix('"') else {
                continue;
            };
            let words = line.split(' ').take_while(|word| {
                let letters = |c: char| c.is_ascii_lowercase() || c == '-' || c == '3';
                word.chars().all(letters)
            });
            events.push(words.collect::<Vec<_>>().join(" "));
        }
    }
    events
}

#[test]
fn each_event_of_the_log_is_explained() {
    let page = text("docs/log.md");
    let events = events();
    assert!(events.len() > 30, "{events:?}");
    for event in events {
        let explained = page.contains(&format!("`{event}"));
        assert!(explained, "docs/log.md does not explain \"{event}\"");
    }
}
