//! Edits of the rules, and of what they lead to.

use super::*;
use crate::route::multidrop::RuleTest;

const RULES: &str = r#"
# The newsletter.
[[rules]]
header = "List-Id" # exact
equals = "<news.example.org>"
to = ["anna", "bob"] # both

[[rules]]
header = "Subject"
contains = "[shop]"
to = [
  "bob", # for now
]
"#;

fn rule(header: &str, text: &str, to: &[&str]) -> Rule {
    Rule {
        header: header.to_string(),
        test: RuleTest::Contains(text.to_string()),
        to: to.iter().map(ToString::to_string).collect(),
    }
}

fn written(header: &str, text: &str, to: &str) -> String {
    format!("[[rules]]\nheader = {header}\ncontains = {text}\nto = [{to}]\n")
}

#[test]
fn a_rule_is_added_below_the_others() {
    let bob = rule("List-Id", "say \"hi\"", &["bob"]);
    let text = written("\"List-Id\"", "'say \"hi\"'", "\"bob\"");
    for (before, after) in [
        (
            OFFICE.to_string(),
            OFFICE.replace("\n# The end.", &format!("\n{text}\n# The end.")),
        ),
        (
            format!("{OFFICE}{RULES}"),
            format!("{OFFICE}{RULES}\n{text}"),
        ),
        // People put things into an order of their own.
        (
            format!("{}{OFFICE}", RULES.trim_start()),
            format!("{}\n{text}{OFFICE}", RULES.trim_start()),
        ),
        (
            format!("rules = []\n{OFFICE}"),
            format!(
                "rules = [{{ header = \"List-Id\", contains = 'say \"hi\"', to = [\"bob\"] }}]\n\
                 {OFFICE}"
            ),
        ),
    ] {
        let office = office_with(&before, "");
        office.edit(|d| d.add_rule(&bob)).unwrap();
        assert_eq!(difference(&after, &office.text()), Vec::<String>::new());
        let directory = office.configuration.load_directory().unwrap();
        assert_eq!(directory.rules().last(), Some(&bob));
    }
}

#[test]
fn a_text_of_strangers_stays_within_its_quotes() {
    for text in [
        "a\"b",
        "a'b",
        "a\\b",
        "a\n[users.eve]",
        "\u{1}\u{7f}",
        "ä 𝄞",
        "'''\"\"\"",
    ] {
        let office = office_with(OFFICE, "");
        let rule = rule("Subject", text, &["anna", "sales"]);
        office.edit(|d| d.add_rule(&rule)).unwrap();
        let directory = office.configuration.load_directory().unwrap();
        assert_eq!(directory.rules(), [rule], "{}", office.text());
        assert_eq!(directory.users().len(), 2);
    }
}

#[test]
fn a_rule_that_would_do_nothing_is_refused() {
    let cases = [
        (
            rule("subject", "[shop]", &["anna"]),
            "rule 2 of the [[rules]] in the directory says this of Subject already, for bob; change \
             its \"to\" there",
        ),
        (
            rule("Subject", "x", &["dora"]),
            "not changed: rule 3: to = \"dora\": there is no user and no alias of this name",
        ),
        (
            rule("Subject", " ", &["anna"]),
            "not changed: rule 3: the text to look for is empty, so the rule would match any \
             Subject; write what it must say",
        ),
    ];
    for (rule, message) in cases {
        let text = format!("{OFFICE}{RULES}");
        let office = office_with(&text, "");
        assert_eq!(office.edit(|d| d.add_rule(&rule)), Err(message.to_string()));
        assert_eq!(office.text(), text);
    }
}

#[test]
fn rules_follow_the_users_that_they_lead_to() {
    let text = format!("{OFFICE}{RULES}");
    let office = office_with(&text, "");
    let renamed = office.edit(|d| d.rename_user("bob", "robert")).unwrap();
    assert_eq!(renamed, ["alias sales", "rule 1", "rule 2"]);
    assert_eq!(
        difference(&text, &office.text()),
        [
            "-[users.bob]",
            "+[users.robert]",
            "-  \"bob\",    # for now",
            "+  \"robert\",    # for now",
            "-to = [\"anna\", \"bob\"] # both",
            "+to = [\"anna\", \"robert\"] # both",
            "-  \"bob\", # for now",
            "+  \"robert\", # for now",
        ]
    );
    let message = "rule 2 of the [[rules]] in the directory leads to robert alone; give it another \
                   target there, or remove it, first";
    let removed = office.edit(|d| d.remove_user("robert"));
    assert_eq!(removed, Err(message.to_string()));

    let (one, _) = RULES
        .split_once("\n[[rules]]\nheader = \"Subject\"")
        .unwrap();
    let text = format!("{OFFICE}{one}").replace("[[rules]]", "[[\"rules\"]]");
    let office = office_with(&text, "");
    let removed = office.edit(|d| d.remove_user("bob")).unwrap();
    assert_eq!(removed, ["alias sales", "rule 1"]);
    let changed = difference(&text, &office.text());
    let changed = &changed[changed.len() - 2..];
    assert_eq!(
        changed,
        [
            "-to = [\"anna\", \"bob\"] # both",
            "+to = [\"anna\"] # both"
        ]
    );
}

#[test]
fn a_comment_above_what_goes_stays_above_the_rules() {
    let bob = format!("[users.bob]\npassword = \"{HASH}\"\n");
    let anna = format!("[users.anna]\npassword = \"{HASH}\"\n");
    let rule = written("\"Subject\"", "\"x\"", "\"anna\"");
    let text =
        |bob: &str| format!("{anna}\n# About the rules and more.\n\n{bob}\n{rule}\n# End.\n");
    let office = office_with(&text(&bob), "");
    office.edit(|d| d.remove_user("bob")).unwrap();
    assert_eq!(office.text(), text("").replace("\n\n\n", "\n\n"));
}

#[test]
fn who_gets_all_mail_of_a_provider_stays() {
    let provider = |to: &str| {
        format!(
            "[[provider]]\nname = \"main\"\nhost = \"pop.provider.example\"\nuser = \"o\"\n\
             password = \"p\"\nmode = \"single\"\nto = \"{to}\"\n"
        )
    };
    let message = |name: &str| {
        Err(format!(
            "{name} gets all mail of a provider: give to = \"{name}\" in postroom.toml another user \
             or alias first"
        ))
    };
    let office = office_with(OFFICE, &provider("Bob"));
    assert_eq!(
        office.edit(|d| d.remove_user("bob").map(drop)),
        message("bob")
    );
    assert_eq!(
        office.edit(|d| d.rename_user("bob", "x").map(drop)),
        message("bob")
    );
    office.edit(|d| d.rename_user("bob", "BOB")).unwrap();
    let office = office_with(OFFICE, &provider("sales"));
    assert_eq!(office.edit(|d| d.remove_alias("SALES")), message("sales"));
    // The first users come one by one, in any order.
    let office = office_with("", &provider("sales"));
    office.edit(|d| d.add_user("anna", HASH)).unwrap();
    office
        .edit(|d| d.set_alias("sales", &["anna".to_string()]))
        .unwrap();
    office.configuration.load_directory().unwrap();
}
