//! `postroom init` and `postroom setup`: the first postroom.toml and
//! directory.toml.
//!
//! Both are commented, load as they are, and are never written over. From `init`
//! the directory has no users yet: `user add` makes the first. From `setup` it has
//! them, and postroom.toml the [`Answers`]. The certificate that the settings name
//! is the caller's to make.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::mail::Domain;
use crate::route::Directory;

use super::edit::with_people;
use super::error::ConfigurationError;
use super::new_files::{make_folder, make_secret_folder, write_new};
use super::settings::Configuration;
use crate::files::folder_of;
use crate::net::tls::CA_CERTIFICATE_FILE;

mod answers;

pub use answers::{Answers, Mailbox, Person, Senders, Trust};
use answers::{PROVIDER_CA_FILE, Purpose, SECRET_FILE};

const POSTROOM_TOML: &str = include_str!("init/postroom.toml");
const DIRECTORY_TOML: &str = include_str!("init/directory.toml");

/// The names of both in the folder.
const FILE: &str = "postroom.toml";
const DIRECTORY_FILE: &str = "directory.toml";
/// Of the folder for certificates, which everybody may have; the keys have modes of
/// their own.
const TLS_MODE: u32 = 0o755;

/// Where the packages put the settings; mail then goes where Debian keeps what
/// services gather.
pub const SYSTEM_FOLDER: &str = "/etc/postroom";
/// See [`SYSTEM_FOLDER`].
pub const SYSTEM_DATA: &str = "/var/lib/postroom";

/// What the new hub listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The ports that mail uses, on all addresses.
    World,
    /// 2525, 1110 and 1995 on loopback: needs no rights, disturbs nobody.
    Loopback,
}

/// What `init` is asked for.
#[derive(Debug, Clone)]
pub struct Init {
    /// The folder of the settings; made if it is not there.
    pub folder: PathBuf,
    /// The first domain.
    pub domain: Domain,
    /// The hub's name; none: `post.` and the domain.
    pub hostname: Option<Domain>,
    /// What it listens on.
    pub reach: Reach,
    /// What `setup` knows beyond this.
    pub answers: Answers,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum InitError {
    /// A file of an earlier time.
    #[error("{0} exists already and is not written over; move it away or choose another --dir")]
    Exists(PathBuf),
    /// From the system.
    #[error("{path}: {error}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The new file does not load; a fault of this program.
    #[error("{0}")]
    Faulty(#[from] ConfigurationError),
    /// Nor could the people be put into the directory.
    #[error("{0}")]
    People(String),
}

impl Init {
    /// The text of postroom.toml.
    pub fn configuration(&self) -> String {
        self.settings(Purpose::Writing)
    }

    fn settings(&self, purpose: Purpose) -> String {
        let hostname = match &self.hostname {
            Some(hostname) => hostname.to_string(),
            None => format!("post.{}", self.domain),
        };
        let data_dir = match self.folder == Path::new(SYSTEM_FOLDER) {
            true => SYSTEM_DATA,
            false => "data",
        };
        let (smtp, pop3, pop3_tls) = match self.reach {
            Reach::World => (
                "#listen = [\"[::]:25\"]",
                "#listen = [\"[::]:110\"]",
                "#listen_tls = [\"[::]:995\"]",
            ),
            Reach::Loopback => (
                "listen = [\"127.0.0.1:2525\", \"[::1]:2525\"]",
                "listen = [\"127.0.0.1:1110\", \"[::1]:1110\"]",
                "listen_tls = [\"127.0.0.1:1995\", \"[::1]:1995\"]",
            ),
        };
        let text = POSTROOM_TOML
            .replace("{hostname}", &hostname)
            .replace("{domain}", self.domain.as_str())
            .replace("{data_dir}", data_dir)
            .replace("{smtp_listen}", smtp)
            .replace("{pop3_listen}", pop3)
            .replace("{pop3_listen_tls}", pop3_tls);
        self.answers.put_into(text, purpose)
    }

    /// The text of directory.toml: how to write it, and the people.
    ///
    /// # Errors
    /// [`InitError::People`]: never for what parses.
    pub fn directory(&self) -> Result<String, InitError> {
        let text = DIRECTORY_TOML.replace("example.com", self.domain.as_str());
        let Answers {
            people, postmaster, ..
        } = &self.answers;
        match people.as_slice() {
            [] => Ok(text),
            people => with_people(&text, people, postmaster.as_deref()).map_err(InitError::People),
        }
    }

    /// The same office under another domain: its names that end in the old one, and the
    /// addresses of its people there, end in the new one.
    ///
    /// # Errors
    /// What would be wrong with the files.
    pub fn with_domain(&self, domain: Domain) -> Result<Init, String> {
        let moved = |text: &str, sign: char| {
            let front = text.strip_suffix(self.domain.as_str())?;
            let front = front.strip_suffix(sign)?;
            Some(format!("{front}{sign}{domain}"))
        };
        let moved_name = |name: &Domain| match moved(name.as_str(), '.') {
            Some(name) => Domain::parse(&name).map_err(|why| why.to_string()),
            None => Ok(name.clone()),
        };
        let mut other = self.clone();
        other.hostname = self.hostname.as_ref().map(moved_name).transpose()?;
        let sheet = &mut other.answers.sheet;
        sheet.away_host = sheet.away_host.as_ref().map(moved_name).transpose()?;
        for person in &mut other.answers.people {
            for address in &mut person.addresses {
                *address = moved(address, '@').unwrap_or(address.clone());
            }
        }
        other.domain = domain.clone();
        other.draft().map_err(|why| why.to_string())?;
        Ok(other)
    }

    /// Both files as they would be read, before one is written: so that a trial at
    /// the provider needs none.
    ///
    /// # Errors
    /// What would be wrong with them.
    pub fn draft(&self) -> Result<(Configuration, Directory), InitError> {
        let file = self.folder.join(FILE);
        let text = self.settings(Purpose::Draft);
        let configuration = Configuration::parse(&file, &text)?;
        let directory = configuration.parse_directory(&self.directory()?)?;
        Ok((configuration, directory))
    }

    /// Writes the files and makes the data folder; gives back the settings as
    /// they are read from the new file. Everything is private; where root makes
    /// it for a hub of another user or group, it belongs to the folder's.
    ///
    /// # Errors
    /// A file that is there already; from the system. What was written until
    /// then is removed again.
    pub fn write(&self) -> Result<Configuration, InitError> {
        let settings = self.configuration();
        let files = self.files()?;
        for (file, _) in &files {
            if file.symlink_metadata().is_ok() {
                return Err(InitError::Exists(file.clone()));
            }
        }
        make_folder(&self.folder, 0o750)?;
        let mut written = Vec::new();
        let result = files.iter().try_for_each(|(file, content)| {
            match file.ends_with(SECRET_FILE) {
                true => make_secret_folder(folder_of(file))?,
                false => drop(make_folder(folder_of(file), TLS_MODE)?),
            }
            write_new(file, content)?;
            written.push(file);
            Ok(())
        });
        let result = result.and_then(|()| self.read_back(&settings));
        if result.is_err() {
            written.into_iter().for_each(|file| remove_new(file));
        }
        result
    }

    /// What is to be written, and where.
    fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, InitError> {
        let mut files = vec![
            (FILE, self.configuration().into_bytes()),
            (DIRECTORY_FILE, self.directory()?.into_bytes()),
        ];
        if let Some(mailbox) = &self.answers.mailbox {
            files.push((SECRET_FILE, mailbox.password.octets().to_vec()));
        }
        files.extend(self.provider_ca().map(|pem| (PROVIDER_CA_FILE, pem)));
        let in_folder = |(name, content)| (self.folder.join(name), content);
        Ok(files.into_iter().map(in_folder).collect())
    }

    /// The CA of the provider's own, unless it lies in its place already.
    fn provider_ca(&self) -> Option<Vec<u8>> {
        let Trust::Ca { file, pem } = &self.answers.mailbox.as_ref()?.trust else {
            return None;
        };
        (*file != self.folder.join(PROVIDER_CA_FILE)).then(|| pem.clone())
    }

    /// What was written loads, and its folders are there.
    fn read_back(&self, settings: &str) -> Result<Configuration, InitError> {
        let configuration = Configuration::parse(&self.folder.join(FILE), settings)?;
        if !self.answers.people.is_empty() {
            configuration.load_directory()?;
        }
        make_folder(&configuration.data_dir, 0o700)?;
        if let Some(tls) = &configuration.tls {
            make_folder(folder_of(&tls.certificate), TLS_MODE)?;
        }
        Ok(configuration)
    }

    /// Removes what [`Init::write`] has just written, where what follows it
    /// fails: the next try must not find half an office.
    pub fn take_back(&self) {
        let secret = self.answers.mailbox.as_ref().map(|_| SECRET_FILE);
        let ca = self.provider_ca().map(|_| PROVIDER_CA_FILE);
        for file in [FILE, DIRECTORY_FILE].into_iter().chain(secret).chain(ca) {
            remove_new(&self.folder.join(file));
        }
    }

    /// The files of an earlier time that [`Init::write`], and the certificates after
    /// it, would meet.
    pub fn in_the_way(&self) -> Option<PathBuf> {
        let ca = Path::new("tls").join(CA_CERTIFICATE_FILE);
        let files = [
            Path::new(FILE),
            Path::new(DIRECTORY_FILE),
            Path::new(SECRET_FILE),
            &ca,
        ];
        let mut files = files.into_iter().map(|file| self.folder.join(file));
        files.find(|file| file.symlink_metadata().is_ok())
    }
}

/// Removes a file that we made, and its folder if that was made for it alone.
fn remove_new(file: &Path) {
    // The first error is the one to tell.
    let _ = fs::remove_file(file);
    if file.ends_with(SECRET_FILE) {
        // Fails where others are in it.
        let _ = fs::remove_dir(folder_of(file));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::config::edit::{DirectoryEdit, Postmaster};

    fn init(folder: &Path, reach: Reach) -> Init {
        Init {
            folder: folder.to_path_buf(),
            domain: Domain::parse("example.com").unwrap(),
            hostname: None,
            reach,
            answers: Answers::default(),
        }
    }

    #[test]
    fn what_is_there_is_not_written_over() {
        for name in ["postroom.toml", "directory.toml"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "mine").unwrap();
            let error = init(folder.path(), Reach::World).write().unwrap_err();
            assert!(matches!(error, InitError::Exists(file) if file.ends_with(name)));
            assert_eq!(
                fs::read_to_string(folder.path().join(name)).unwrap(),
                "mine"
            );
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_new_office_loads_and_waits_for_its_first_user() {
        let folder = tempfile::tempdir().unwrap();
        let office = folder.path().join("office");
        let written = init(&office, Reach::Loopback).write().unwrap();
        let configuration = Configuration::load(&office.join("postroom.toml")).unwrap();
        assert_eq!(format!("{configuration:?}"), format!("{written:?}"));
        assert_eq!(configuration.hostname.as_str(), "post.example.com");
        assert_eq!(configuration.data_dir, office.join("data"));
        assert_eq!(
            configuration.smtp.listen,
            ["127.0.0.1:2525", "[::1]:2525"].map(|a| a.parse().unwrap())
        );
        assert_eq!(
            configuration.tls.as_ref().unwrap().key,
            office.join("tls/key.pem")
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&office), 0o750);
        assert_eq!(mode(&office.join("data")), 0o700);
        assert_eq!(mode(&office.join("postroom.toml")) & 0o137, 0);
        assert_eq!(mode(&office.join("directory.toml")) & 0o137, 0);

        let error = configuration.load_directory().unwrap_err().to_string();
        let end = "directory.toml: it has no users; \"postroom user add NAME\" makes the first one";
        assert!(error.ends_with(end), "{error}");
        let mut edit = DirectoryEdit::open(&configuration).unwrap();
        assert_eq!(
            edit.add_user("anna", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg").unwrap(),
            Postmaster::Added
        );
        edit.save().unwrap();
        assert_eq!(configuration.load_directory().unwrap().users().len(), 1);
        let text = fs::read_to_string(office.join("directory.toml")).unwrap();
        assert!(
            text.starts_with(&init(&office, Reach::Loopback).directory().unwrap()),
            "{text}"
        );
    }

    #[test]
    fn the_systems_folder_keeps_mail_where_debian_does() {
        let mut system = init(Path::new("/etc/postroom"), Reach::World);
        system.hostname = Some(Domain::parse("mail.example.com").unwrap());
        let file = Path::new("/etc/postroom/postroom.toml");
        let configuration = Configuration::parse(file, &system.configuration()).unwrap();
        assert_eq!(configuration.data_dir, Path::new("/var/lib/postroom"));
        assert_eq!(configuration.hostname.as_str(), "mail.example.com");
        assert_eq!(
            configuration.directory,
            Path::new("/etc/postroom/directory.toml")
        );
    }
}
