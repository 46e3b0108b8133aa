//! The passwords of an import, each in a file of its own. The only part of the
//! import that writes.

use std::path::{Path, PathBuf};

use super::Import;
use crate::config::init::InitError;
use crate::config::new_files::{make_secret_folder, write_new};

impl Import {
    /// Writes every password of the file into `folder`, by the account's name;
    /// gives back the files. Private, but where root makes them for a hub of
    /// another user, that one's group may read them, as its folder's.
    ///
    /// # Errors
    /// A file that is there already, before any is written; from the system.
    pub fn write_passwords(&self, folder: &Path) -> Result<Vec<PathBuf>, InitError> {
        let accounts = self.accounts.iter().filter_map(|account| {
            let password = account.password.as_ref()?;
            Some((folder.join(&account.name), password))
        });
        let files: Vec<_> = accounts.collect();
        if let Some((file, _)) = files
            .iter()
            .find(|(file, _)| file.symlink_metadata().is_ok())
        {
            return Err(InitError::Exists(file.clone()));
        }
        if !files.is_empty() {
            make_secret_folder(folder)?;
        }
        for (file, password) in &files {
            write_new(file, password.octets())?;
        }
        Ok(files.into_iter().map(|(file, _)| file).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use crate::config::fetchmailrc::import;

    #[test]
    fn each_password_has_a_private_file_and_none_is_written_over() {
        let rc =
            b"poll a proto pop3 user u pass 'x y' poll b proto pop3 user u poll c user v pass z";
        let import = import(rc).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        let files = import.write_passwords(&secrets).unwrap();
        assert_eq!(files, [secrets.join("a"), secrets.join("c")]);
        assert_eq!(fs::read(secrets.join("a")).unwrap(), b"x y");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&secrets), mode(&secrets.join("a"))), (0o700, 0o600));

        fs::remove_file(secrets.join("a")).unwrap();
        let error = import.write_passwords(&secrets).unwrap_err();
        assert!(matches!(error, InitError::Exists(file) if file.ends_with("c")));
        assert!(!secrets.join("a").exists());
    }
}
