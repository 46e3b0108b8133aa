//! `postroom alias …`: edit the aliases in directory.toml.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Outcome;
use super::ask::{configuration, tell_hub};
use super::output::{Table, say};
use crate::config::edit::DirectoryEdit;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an alias, or change whom it leads to
    Set {
        /// The part of the address before the @
        name: String,
        /// Users and other aliases
        #[arg(required = true)]
        targets: Vec<String>,
    },
    /// List all aliases
    List,
    /// Remove an alias
    Remove {
        /// The part of the address before the @
        name: String,
    },
}

pub fn run(config: &Path, command: Command) -> Outcome {
    let configuration = configuration(config)?;
    let mut edit = DirectoryEdit::open(&configuration)?;
    match command {
        Command::List => {
            let mut table = Table::new(&["ALIAS", "LEADS TO"]);
            for alias in edit.directory().aliases() {
                table.row(vec![alias.name.clone(), alias.targets.join(", ")]);
            }
            table.print();
            return Ok(ExitCode::SUCCESS);
        }
        Command::Set { name, targets } => {
            edit.set_alias(&name, &targets)?;
            edit.save()?;
            say!("{name} leads to {}", targets.join(", "));
        }
        Command::Remove { name } => {
            edit.remove_alias(&name)?;
            edit.save()?;
            say!("the alias {name} is removed; for an hour its mail is answered 450, then 550");
        }
    }
    tell_hub(&configuration)
}
