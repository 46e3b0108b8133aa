//! The manuals of packaging/man, beside what the program reads: a setting that
//! one of the two does not have is found by asking the parser, which answers an
//! unknown name with those that it knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use postroom::config::Configuration;

/// A name that no section has.
const NONSENSE: &str = "no_such_setting = 1\n";
const ABOVE: &str = "above the first section";
const MINIMAL: &str = "hostname = \"post.example.com\"\ndomains = [\"example.com\"]\n";

/// The settings, each with the heading of its section.
type Settings = BTreeSet<(String, String)>;

#[test]
fn the_manual_of_postroom_toml_names_every_setting_and_no_other() {
    let known = known_settings(&fault_of_settings);
    assert_same(&settings_of(&manual("postroom.toml.5")), &known);
}

#[test]
fn the_manual_of_directory_toml_names_every_setting_and_no_other() {
    let known = known_settings(&fault_of_directory);
    assert_same(&settings_of(&manual("directory.toml.5")), &known);
}

#[test]
fn the_example_in_the_manual_of_postroom_toml_loads() {
    let manual = manual("postroom.toml.5");
    let (_, example) = manual.split_once("\n.nf\n").unwrap();
    let (example, _) = example.split_once("\n.fi\n").unwrap();
    Configuration::parse(Path::new("postroom.toml"), example).unwrap();
}

fn assert_same(described: &Settings, known: &Settings) {
    let missing: Vec<_> = known.difference(described).collect();
    let invented: Vec<_> = described.difference(known).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "the manual in packaging/man does not name {missing:?}; no setting is {invented:?}"
    );
}

fn manual(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What a manual names: `.SS` begins a section, the first word after `.TP` is a
/// setting.
fn settings_of(manual: &str) -> Settings {
    let mut settings = Settings::new();
    let mut heading = None;
    let mut lines = manual.lines();
    while let Some(line) = lines.next() {
        if let Some(section) = line.strip_prefix(".SS ") {
            heading = Some(section.to_string());
        } else if line == ".TP" {
            let mut words = lines.next().unwrap().split_whitespace();
            let name = words.nth(1).unwrap().to_string();
            let heading = heading.clone().expect("a setting stands below a heading");
            let is_new = settings.insert((heading, name.clone()));
            assert!(is_new, "{name} is there twice");
        }
    }
    settings
}

/// What the parser knows; `fault` is what it says of a text.
fn known_settings(fault: &dyn Fn(&str) -> String) -> Settings {
    let mut settings = Settings::new();
    for name in known_in("", fault).expect("the parser knows something") {
        let headings = [
            (format!("[{name}]"), format!("[{name}]\n")),
            (format!("[[{name}]]"), format!("[[{name}]]\n")),
            (format!("[{name}.NAME]"), format!("[{name}.somebody]\n")),
        ];
        let section = headings
            .into_iter()
            .find_map(|(heading, text)| Some((heading, known_in(&text, fault)?)));
        let (heading, names) = section.unwrap_or((ABOVE.to_string(), BTreeSet::from([name])));
        settings.extend(names.into_iter().map(|name| (heading.clone(), name)));
    }
    settings
}

/// The names that are known below this heading; none where it is no heading.
fn known_in(heading: &str, fault: &dyn Fn(&str) -> String) -> Option<BTreeSet<String>> {
    let fault = fault(&format!("{heading}{NONSENSE}"));
    let (_, known) = fault.split_once("; known are ")?;
    Some(known.split(", ").map(str::to_string).collect())
}

fn fault_of_settings(text: &str) -> String {
    let parsed = Configuration::parse(Path::new("postroom.toml"), text);
    parsed.unwrap_err().to_string()
}

fn fault_of_directory(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("directory.toml"), text).unwrap();
    let file = folder.path().join("postroom.toml");
    let configuration = Configuration::parse(&file, MINIMAL).unwrap();
    configuration.load_directory().unwrap_err().to_string()
}
