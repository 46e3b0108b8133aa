//! postroom.toml for another place.

use toml_edit::DocumentMut;

/// The text with this `data_dir`; all else stays as it is written.
///
/// # Errors
/// What the parser says of the text.
pub fn with_data_dir(text: &str, data_dir: &str) -> Result<String, String> {
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document: DocumentMut = unmarked
        .parse()
        .map_err(|error: toml_edit::TomlError| error.message().to_string())?;
    let mut value = toml_edit::value(data_dir);
    if let (Some(new), Some(old)) = (
        value.as_value_mut(),
        document.get("data_dir").and_then(toml_edit::Item::as_value),
    ) {
        *new.decor_mut() = old.decor().clone();
    }
    match document.get_mut("data_dir") {
        // In its place, for the key has the comments above it.
        Some(old) => *old = value,
        None => drop(document.insert("data_dir", value)),
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_data_folder_changes() {
        let text = "hostname = \"post.example.com\"\n# where\ndata_dir = \"data\" # here\n\n[smtp]\n# free\n";
        let moved = with_data_dir(text, "/srv/mail").unwrap();
        assert_eq!(moved, text.replace("\"data\"", "\"/srv/mail\""));
        let moved = with_data_dir("hostname = \"a\"\n\n[smtp]\n", "/srv/mail").unwrap();
        assert_eq!(
            moved,
            "hostname = \"a\"\ndata_dir = \"/srv/mail\"\n\n[smtp]\n"
        );
        assert!(with_data_dir("data_dir = ", "/srv/mail").is_err());
    }
}
