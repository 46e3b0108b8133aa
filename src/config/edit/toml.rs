//! The edits themselves, on the TOML of a directory that parses.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

use crate::route::Access;

mod rules;

/// Whether two names of users or aliases are the same.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A directory's TOML with its comments. toml_edit writes LF and no byte order
/// mark; a file from a Windows editor gets back what it had.
#[derive(Debug)]
pub(super) struct TomlFile {
    document: DocumentMut,
    has_crlf: bool,
    has_mark: bool,
}

impl TomlFile {
    /// # Errors
    /// What the parser says.
    pub(super) fn parse(text: &str) -> Result<TomlFile, String> {
        let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document: DocumentMut = unmarked
            .parse()
            .map_err(|error: toml_edit::TomlError| error.message().to_string())?;
        let crlf = text.matches("\r\n").count();
        Ok(TomlFile {
            document,
            has_crlf: crlf > 0 && crlf == text.matches('\n').count(),
            has_mark: unmarked.len() < text.len(),
        })
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = self.document.to_string();
        if self.has_crlf {
            text = text.replace('\n', "\r\n");
        }
        if self.has_mark {
            text.insert(0, '\u{feff}');
        }
        text
    }

    pub(super) fn add_user(&mut self, name: &str, password_hash: &str) -> Result<(), String> {
        let users = self.section("users")?;
        if let Item::Value(Value::InlineTable(users)) = users {
            let mut user = InlineTable::new();
            user.insert("password", Value::from(password_hash));
            users.insert(name, Value::InlineTable(user));
            return Ok(());
        }
        let mut user = Table::new();
        user.insert("password", toml_edit::value(password_hash));
        let users = users.as_table_mut().ok_or("users is not a table")?;
        users.insert(name, Item::Table(user));
        self.put_comments_first();
        Ok(())
    }

    pub(super) fn set_password(&mut self, user: &str, password_hash: &str) {
        let password = self.users().and_then(|users| users.get_mut(user));
        let password = password.and_then(Item::as_table_like_mut);
        let password = password.and_then(|user| user.get_mut("password"));
        if let Some(password) = password.and_then(Item::as_value_mut) {
            set_text(password, password_hash);
        }
    }

    /// `disabled = true`; where the user is not disabled, no line at all.
    pub(super) fn set_access(&mut self, user: &str, access: Access) {
        let user = self.users().and_then(|users| users.get_mut(user));
        let Some(user) = user.and_then(Item::as_table_like_mut) else {
            return;
        };
        match access {
            Access::Allowed => drop(user.remove("disabled")),
            Access::Disabled => drop(user.insert("disabled", toml_edit::value(true))),
        }
    }

    /// Further addresses, in place of those that were there.
    pub(super) fn set_addresses(&mut self, user: &str, addresses: &[String]) {
        let user = self.users().and_then(|users| users.get_mut(user));
        if let Some(user) = user.and_then(Item::as_table_like_mut) {
            let addresses = toml_edit::value(Array::from_iter(addresses));
            user.insert("addresses", addresses);
        }
    }

    pub(super) fn rename_user(&mut self, old: &str, new: &str) {
        let renamed = |key: Key| match key.get() == old {
            true => Key::new(new)
                .with_leaf_decor(key.leaf_decor().clone())
                .with_dotted_decor(key.dotted_decor().clone()),
            false => key,
        };
        // All are taken out and put back, for a table keeps the order in which
        // its entries came.
        match self.document.get_mut("users") {
            Some(Item::Table(users)) => {
                let names: Vec<String> = users.iter().map(|(name, _)| name.to_string()).collect();
                let entries = names.iter().filter_map(|name| users.remove_entry(name));
                for (key, item) in entries.collect::<Vec<_>>() {
                    users.insert_formatted(&renamed(key), item);
                }
            }
            Some(Item::Value(Value::InlineTable(users))) => {
                let names: Vec<String> = users.iter().map(|(name, _)| name.to_string()).collect();
                let entries = names.iter().filter_map(|name| users.remove_entry(name));
                for (key, value) in entries.collect::<Vec<_>>() {
                    users.insert_formatted(&renamed(key), value);
                }
            }
            _ => {}
        }
    }

    pub(super) fn remove_user(&mut self, user: &str) {
        self.remove("users", user);
    }

    pub(super) fn remove_alias(&mut self, alias: &str) {
        self.remove("aliases", alias);
    }

    /// Targets that stay keep their place and their comments.
    pub(super) fn set_alias(&mut self, name: &str, targets: &[String]) -> Result<(), String> {
        let aliases = self.section("aliases")?;
        let aliases = aliases
            .as_table_like_mut()
            .ok_or("aliases is not a table")?;
        let listed = aliases.get_mut(name).and_then(Item::as_array_mut);
        let Some(listed) = listed else {
            aliases.insert(name, toml_edit::value(Array::from_iter(targets)));
            self.put_comments_first();
            return Ok(());
        };
        retain(listed, |target| {
            targets.iter().any(|wanted| same_name(wanted, target))
        });
        for target in targets {
            let is_target = |value: &Value| value.as_str().is_some_and(|v| same_name(v, target));
            if !listed.iter().any(is_target) {
                push(listed, target);
            }
        }
        Ok(())
    }

    pub(super) fn rename_target(&mut self, old: &str, new: &str) {
        for targets in self.target_lists() {
            for target in targets.iter_mut() {
                if target.as_str().is_some_and(|target| same_name(target, old)) {
                    set_text(target, new);
                }
            }
        }
    }

    pub(super) fn remove_target(&mut self, user: &str) {
        for targets in self.target_lists() {
            retain(targets, |target| !same_name(target, user));
        }
    }

    fn users(&mut self) -> Option<&mut dyn TableLike> {
        self.document.get_mut("users")?.as_table_like_mut()
    }

    /// `[users]` or `[aliases]`; made where it is not there. A header of its
    /// own is written only where it holds something itself.
    fn section(&mut self, name: &str) -> Result<&mut Item, String> {
        let section = self.document.entry(name).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        match section.is_table_like() {
            true => Ok(section),
            false => Err(format!("{name} is not a table")),
        }
    }

    /// In a file of comments only they stand at the end; what is added goes
    /// below them, not above.
    fn put_comments_first(&mut self) {
        let comments = self.document.trailing().as_str();
        let comments = comments.unwrap_or_default().trim_end().to_string();
        let headers = self.headers();
        let [header @ Header { position: None, .. }] = headers.as_slice() else {
            return;
        };
        if comments.is_empty() {
            return;
        }
        if let Some(table) = self.table_mut(header) {
            table.decor_mut().set_prefix(format!("{comments}\n\n"));
            self.document.set_trailing("");
        }
    }

    /// Removes an entry with the comment right above it. Comments above that,
    /// with an empty line between, are about something else and stay.
    fn remove(&mut self, section: &str, name: &str) {
        let entries = self.document.get_mut(section);
        let Some(entries) = entries.and_then(Item::as_table_like_mut) else {
            return;
        };
        let following = entries.iter().skip_while(|(key, _)| *key != name).nth(1);
        let following = following.map(|(key, _)| key.to_string());
        let prefix = match entries.get(name) {
            Some(Item::Table(table)) if !table.is_dotted() => table.decor().prefix(),
            _ => entries.key(name).and_then(|key| key.leaf_decor().prefix()),
        };
        let prefix = prefix
            .and_then(|prefix| prefix.as_str())
            .unwrap_or_default();
        let staying = prefix.rfind("\n\n").and_then(|end| prefix.get(..=end));
        let staying = staying.unwrap_or_default().to_string();
        let position = match entries.remove(name) {
            Some(Item::Table(table)) => table.position(),
            _ => None,
        };
        if staying.trim().is_empty() {
            return;
        }
        // Without a header of its own the entry's neighbour is in its section.
        let following = following.filter(|_| position.is_none());
        if let Some(mut key) = following.and_then(|key| entries.key_mut(&key)) {
            let prefix = key.leaf_decor().prefix().and_then(|prefix| prefix.as_str());
            let prefix = above(&staying, prefix.unwrap_or_default());
            key.leaf_decor_mut().set_prefix(prefix);
            return;
        }
        let position = position.or_else(|| self.document.get(section)?.as_table()?.position());
        self.prepend_after(position, &staying);
    }

    /// Puts comments in front of the table that follows a position in the file,
    /// or at the file's end.
    fn prepend_after(&mut self, position: Option<isize>, comments: &str) {
        let headers = self.headers().into_iter();
        let headers = headers.filter(|header| header.position > position);
        let following = headers.min_by_key(|header| header.position);
        if let Some(table) = following.and_then(|header| self.table_mut(&header)) {
            let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str());
            let prefix = above(comments, prefix.unwrap_or_default());
            table.decor_mut().set_prefix(prefix);
            return;
        }
        let trailing = self.document.trailing().as_str().unwrap_or_default();
        let trailing = above(comments, trailing);
        self.document.set_trailing(trailing);
    }

    /// The tables that are written with a header.
    fn headers(&self) -> Vec<Header> {
        let mut headers = Vec::new();
        let mut waiting = vec![(Vec::new(), self.document.as_table())];
        while let Some((path, table)) = waiting.pop() {
            for (key, item) in table.iter() {
                let mut path = path.clone();
                path.push(key.to_string());
                let header = |number: Option<usize>, table: &Table| Header {
                    path: path.clone(),
                    number,
                    position: table.position(),
                };
                match item {
                    Item::Table(table) => {
                        let has_header = !table.is_implicit() || !table.get_values().is_empty();
                        if has_header && !table.is_dotted() {
                            headers.push(header(None, table));
                        }
                        waiting.push((path, table));
                    }
                    Item::ArrayOfTables(tables) => {
                        let numbered = tables.iter().enumerate();
                        headers.extend(numbered.map(|(number, it)| header(Some(number), it)));
                    }
                    Item::None | Item::Value(_) => {}
                }
            }
        }
        headers
    }

    fn table_mut(&mut self, header: &Header) -> Option<&mut Table> {
        let (last, path) = header.path.split_last()?;
        let root = self.document.as_table_mut();
        let table = path
            .iter()
            .try_fold(root, |table, key| table.get_mut(key)?.as_table_mut())?;
        let item = table.get_mut(last)?;
        match header.number {
            Some(number) => item.as_array_of_tables_mut()?.get_mut(number),
            None => item.as_table_mut(),
        }
    }
}

/// Where a table stands that is written with a header.
struct Header {
    path: Vec<String>,
    /// Which of several, under `[[…]]`.
    number: Option<usize>,
    /// Its place in the file as it was read; none for new ones.
    position: Option<isize>,
}

/// Comments above others, with an empty line between.
fn above(comments: &str, below: &str) -> String {
    match below.is_empty() || below.starts_with('\n') {
        true => format!("{comments}{below}"),
        false => format!("{comments}\n{below}"),
    }
}

/// Puts a text in a value's place; its comment stays.
fn set_text(value: &mut Value, text: &str) {
    let decor = value.decor().clone();
    *value = Value::from(text);
    *value.decor_mut() = decor;
}

/// Adds a target; in a list of one target a line, on a line of its own.
fn push(targets: &mut Array, target: &str) {
    let end = targets.trailing().as_str().unwrap_or_default().to_string();
    if !end.contains('\n') || targets.is_empty() {
        targets.push(target);
        return;
    }
    let last = targets.iter().last().and_then(|last| last.decor().prefix());
    let prefix = last.and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let indent = prefix.rsplit('\n').next().unwrap_or_default();
    let prefix = format!("{}\n{indent}", end.trim_end());
    targets.push_formatted(Value::from(target).decorated(prefix, ""));
    targets.set_trailing("\n");
    targets.set_trailing_comma(true);
}

/// Removes targets with the comments behind them. TOML's grammar gives a
/// comment behind a comma to whatever follows; people mean what stands before.
fn retain(targets: &mut Array, keep: impl Fn(&str) -> bool) {
    if targets.iter().filter_map(Value::as_str).all(&keep) {
        return;
    }
    let end = targets.trailing().as_str().unwrap_or_default().to_string();
    let mut kept = Array::new();
    // Behind the bracket, or behind the comma of the last target that stays.
    let mut behind = String::new();
    let mut stays = true;
    for value in targets.iter() {
        let prefix = value.decor().prefix().and_then(|prefix| prefix.as_str());
        let (comment, own) = split_comment(prefix.unwrap_or_default());
        if stays {
            behind = comment.to_string();
        }
        stays = value.as_str().is_none_or(&keep);
        if stays {
            let suffix = value.decor().suffix().and_then(|suffix| suffix.as_str());
            let suffix = suffix.unwrap_or_default().to_string();
            let own = own.trim_start_matches(|c| kept.is_empty() && behind.is_empty() && c == ' ');
            kept.push_formatted(value.clone().decorated(join(&behind, own), suffix));
        }
    }
    let (comment, own) = split_comment(&end);
    if stays {
        behind = comment.to_string();
    }
    kept.set_trailing(join(&behind, own));
    kept.set_trailing_comma(targets.trailing_comma());
    *kept.decor_mut() = targets.decor().clone();
    *targets = kept;
}

/// What stands in the line that has ended, and what follows from its end on.
fn split_comment(text: &str) -> (&str, &str) {
    text.find('\n').map_or(("", text), |end| text.split_at(end))
}

/// A comment ends with its line.
fn join(comment: &str, own: &str) -> String {
    match comment.is_empty() || own.starts_with('\n') {
        true => format!("{comment}{own}"),
        false => format!("{comment}\n{own}"),
    }
}
