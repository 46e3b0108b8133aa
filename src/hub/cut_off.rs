//! Files that have lost their end: by an editor that empties a file and writes it
//! slowly, a disk that is full, a copy that broke off.
//!
//! What is left often parses: with users missing, or with the defaults for what
//! the lost lines said of networks, passwords and providers. Nobody took those
//! back, so such a file is not what the administrator wants, unless told so.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::Configuration;

/// A file whose beginning alone is there.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "{}:{line}: the file ends here, and went on when it was last read, so it looks cut off; write it anew, or, if \
     that is meant, reload by SIGHUP (systemctl reload postroom)",
    file.display()
)]
pub struct CutOff {
    file: PathBuf,
    line: usize,
}

/// What was in the files that people write.
#[derive(Debug)]
pub struct Texts(Vec<Text>);

#[derive(Debug)]
struct Text {
    file: PathBuf,
    /// A file that was put in the place of another one is whole.
    identity: (u64, u64),
    octets: Vec<u8>,
}

impl Texts {
    /// Those of this configuration, as they are now. Blocking.
    pub fn of(configuration: &Configuration) -> Texts {
        let files = [&configuration.path, &configuration.directory];
        Texts(
            files
                .into_iter()
                .filter_map(|file| Text::read(file))
                .collect(),
        )
    }

    /// The first file of which `new` has only the beginning.
    ///
    /// # Errors
    /// That file.
    pub fn look_for_cut(&self, new: &Texts) -> Result<(), CutOff> {
        let cut = new.0.iter().find(|new| {
            let mut old = self.0.iter();
            old.any(|old| old.file == new.file && new.is_beginning_of(old))
        });
        match cut {
            Some(text) => Err(CutOff {
                file: text.file.clone(),
                line: text.octets.split(|octet| *octet == b'\n').count(),
            }),
            None => Ok(()),
        }
    }
}

impl Text {
    /// None where it cannot be read: that is found out elsewhere.
    fn read(file: &Path) -> Option<Text> {
        let found = fs::metadata(file).ok()?;
        Some(Text {
            file: file.to_path_buf(),
            identity: (found.dev(), found.ino()),
            octets: fs::read(file).ok()?,
        })
    }

    fn is_beginning_of(&self, old: &Text) -> bool {
        let lost = old.octets.strip_prefix(self.octets.as_slice());
        self.identity == old.identity && lost.is_some_and(|lost| !lost.trim_ascii().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(inode: u64, octets: &str) -> Texts {
        Texts(vec![Text {
            file: PathBuf::from("directory.toml"),
            identity: (1, inode),
            octets: octets.as_bytes().to_vec(),
        }])
    }

    #[test]
    fn a_file_that_lost_its_end_is_told_from_one_that_was_changed() {
        let old = "[users.anna]\npassword = \"x\"\n[users.bob]\n";
        for (inode, new, expected) in [
            (7, old, None),
            (7, "", Some(1)),
            (7, "[users.anna]\npass", Some(2)),
            (7, "[users.anna]\npassword = \"x\"\n", Some(3)),
            (7, old.trim_end(), None),
            (7, "[users.anna]\npassword = \"y\"\n", None),
            (
                7,
                "[users.anna]\npassword = \"x\"\n[users.bob]\n# more",
                None,
            ),
            (8, "[users.anna]\npassword = \"x\"\n", None),
        ] {
            let found = texts(7, old).look_for_cut(&texts(inode, new));
            assert_eq!(found.err().map(|cut| cut.line), expected, "{new:?}");
        }
    }
}
