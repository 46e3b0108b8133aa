//! `[[rules]]`, however they are written.

use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Table, TableLike, Value};

use super::TomlFile;
use crate::route::multidrop::{Rule, RuleTest};

impl TomlFile {
    /// Adds a rule below the others; the first one at the end.
    pub(in crate::config::edit) fn add_rule(&mut self, rule: &Rule) -> Result<(), String> {
        let last = self.headers().iter().filter_map(|it| it.position).max();
        let rules = self.document.entry("rules");
        let rules = rules.or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        match rules {
            Item::ArrayOfTables(rules) => {
                let mut table = Table::new();
                write(rule, &mut table);
                if let (true, Some(last)) = (rules.is_empty(), last) {
                    table.set_position(Some(last + 1));
                }
                rules.push(table);
            }
            Item::Value(Value::Array(rules)) => {
                let mut table = InlineTable::new();
                write(rule, &mut table);
                rules.push(table);
            }
            _ => return Err("rules is not a list of sections".to_string()),
        }
        self.put_comments_first();
        Ok(())
    }

    /// The lists of names that aliases and rules lead to.
    pub(super) fn target_lists(&mut self) -> Vec<&mut Array> {
        let mut lists = Vec::new();
        for (key, item) in self.document.iter_mut() {
            match (key.get(), item) {
                ("aliases", item) => {
                    let aliases = item.as_table_like_mut().into_iter();
                    let targets = aliases.flat_map(|aliases| aliases.iter_mut());
                    lists.extend(targets.filter_map(|(_, targets)| targets.as_array_mut()));
                }
                ("rules", Item::ArrayOfTables(rules)) => {
                    lists.extend(rules.iter_mut().filter_map(|rule| targets_of(rule)));
                }
                ("rules", Item::Value(Value::Array(rules))) => {
                    let rules = rules.iter_mut().filter_map(Value::as_inline_table_mut);
                    lists.extend(rules.filter_map(|rule| targets_of(rule)));
                }
                _ => {}
            }
        }
        lists
    }
}

fn write(rule: &Rule, table: &mut dyn TableLike) {
    let (name, text) = match &rule.test {
        RuleTest::Contains(text) => ("contains", text),
        RuleTest::Equals(text) => ("equals", text),
    };
    table.insert("header", toml_edit::value(&rule.header));
    table.insert(name, toml_edit::value(text));
    table.insert("to", toml_edit::value(Array::from_iter(&rule.to)));
}

fn targets_of(rule: &mut dyn TableLike) -> Option<&mut Array> {
    rule.get_mut("to")?.as_array_mut()
}
