//! The two pages of a sheet, from the templates beside this file.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::{Sheet, SheetError};

/// Names that end so are what escaping goes by.
const TEXT: (&str, &str) = ("sheet.txt", include_str!("sheet.txt"));
const HTML: (&str, &str) = ("sheet.html", include_str!("sheet.html"));

impl Sheet {
    /// For a terminal or an editor.
    ///
    /// # Errors
    /// A fault of this program.
    pub fn text(&self) -> Result<String, SheetError> {
        self.render(TEXT)
    }

    /// A page of its own, to print on A4: it loads nothing from elsewhere.
    ///
    /// # Errors
    /// A fault of this program.
    pub fn html(&self) -> Result<String, SheetError> {
        self.render(HTML)
    }

    fn render(&self, (name, template): (&str, &str)) -> Result<String, SheetError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(syntax());
        let page = environment.add_template(name, template);
        let page = page.and_then(|()| environment.get_template(name));
        let page = page.and_then(|template| template.render(Serde(self)));
        page.map_err(|why| SheetError::Template(format!("{why:#}")))
    }
}

/// A line that holds a tag alone is none of the page's.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
