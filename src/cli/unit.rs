//! The systemd unit as it is installed, with its drop-ins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The packages' unit, and docs/by-hand.md's.
pub const UNIT: &str = "postroom.service";
/// Where units are, in systemd's order.
pub const UNIT_FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Whether there is a unit for the hub.
pub fn is_installed() -> bool {
    let mut folders = UNIT_FOLDERS.iter();
    folders.any(|folder| Path::new(folder).join(UNIT).exists())
}

/// What a unit says under `[Service]`, in the order in which systemd reads it.
#[derive(Debug)]
pub struct Service(Vec<(String, String)>);

impl Service {
    /// The unit of the first of these folders that has one, and the drop-ins of all.
    pub fn installed_in(folders: &[&str]) -> Option<Service> {
        let mut units = folders.iter().map(|folder| Path::new(folder).join(UNIT));
        let mut text = units.find_map(|unit| fs::read_to_string(unit).ok())?;
        for drop_in in drop_ins(folders) {
            text.push_str("\n[]\n");
            text.push_str(&fs::read_to_string(drop_in).unwrap_or_default());
        }
        Some(Service::parse(&text))
    }

    /// See systemd.syntax(7).
    pub fn parse(text: &str) -> Service {
        let text = text.replace("\\\n", " ");
        let mut section = "";
        let mut settings = Vec::new();
        for line in text.lines().map(str::trim) {
            match line.split_once('=') {
                _ if line.starts_with(['#', ';']) => {}
                _ if line.starts_with('[') => section = line,
                Some((name, value)) if section == "[Service]" => {
                    settings.push((name.trim().to_string(), value.trim().to_string()));
                }
                _ => {}
            }
        }
        Service(settings)
    }

    /// The value of a setting that has one: the last one counts.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).last()
    }

    /// The values of a setting that has many; an empty one takes back those before it.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let mut all = Vec::new();
        for value in self.values(name) {
            match value {
                "" => all.clear(),
                value => all.extend(value.split_whitespace().map(|item| item.trim_matches('"'))),
            }
        }
        all
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let settings = self.0.iter();
        settings.filter_map(move |(own, value)| (own == name).then_some(value.as_str()))
    }
}

/// By their names, whichever folder they are in; of one name the first folder's.
fn drop_ins(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = BTreeMap::new();
    for folder in folders {
        let folder = Path::new(folder).join(format!("{UNIT}.d"));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if Path::new(&name)
                .extension()
                .is_some_and(|end| end == "conf")
            {
                found.entry(name).or_insert_with(|| entry.path());
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_are_read_behind_the_unit_by_their_names() {
        let root = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let [etc, usr] = ["etc", "usr"].map(|name| root.path().join(name).display().to_string());
        let folders = [etc.as_str(), usr.as_str()];
        assert!(Service::installed_in(&folders).is_none());
        put(
            "usr/postroom.service",
            "[Unit]\nReadWritePaths=/not\n[Service]\n# ReadWritePaths=/not\nProtectSystem=strict\nReadWritePaths=-/a \\\n  /b\n",
        );
        put(
            "usr/postroom.service.d/20.conf",
            "[Service]\nReadWritePaths=/not\n",
        );
        put(
            "etc/postroom.service.d/20.conf",
            "[Service]\nReadWritePaths=/d\n",
        );
        put(
            "usr/postroom.service.d/10.conf",
            "[Service]\nReadWritePaths=\nReadWritePaths=/c\n",
        );
        put(
            "etc/postroom.service.d/30.conf.off",
            "[Service]\nReadWritePaths=/not\n",
        );
        put(
            "etc/postroom.service.d/40.conf",
            "ReadWritePaths=/not\n[Service]\nProtectSystem=full",
        );
        let service = Service::installed_in(&folders).unwrap();
        assert_eq!(service.list("ReadWritePaths"), ["/c", "/d"]);
        assert_eq!(service.value("ProtectSystem"), Some("full"));
        assert_eq!(service.value("User"), None);
    }
}
