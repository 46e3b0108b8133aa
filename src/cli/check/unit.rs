//! Whether the systemd unit lets the hub write where its data is to be.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings, Topic};
use crate::cli::unit::{Service, UNIT_FOLDERS};
use crate::config::Configuration;
use crate::config::init::SYSTEM_FOLDER;

/// Where a StateDirectory is.
const STATE: &str = "/var/lib";
/// What `ProtectHome=yes` and `PrivateTmp=yes` hide, whatever else may be written.
const HIDDEN: [(&str, &str); 5] = [
    ("ProtectHome", "/home"),
    ("ProtectHome", "/root"),
    ("ProtectHome", "/run/user"),
    ("PrivateTmp", "/tmp"),
    ("PrivateTmp", "/var/tmp"),
];

pub fn look(configuration: &Configuration, findings: &mut Findings<'_>) {
    // With another file it is not the unit's hub.
    if configuration.path != Path::new(SYSTEM_FOLDER).join("postroom.toml") {
        return;
    }
    let Some(service) = Service::installed_in(&UNIT_FOLDERS) else {
        return;
    };
    let states = service.list("StateDirectory").into_iter();
    let states = states.filter_map(|state| Some(Path::new(STATE).join(state.split(':').next()?)));
    let states: Vec<PathBuf> = states.collect();
    for state in &states {
        if let Some(finding) = judge_link(state) {
            findings.add(finding);
        }
    }
    if let Some(finding) = judge(&service, &states, &configuration.data_dir) {
        findings.add(finding);
    }
}

/// systemd gives this folder to the hub's user, and follows no link to it.
fn judge_link(state: &Path) -> Option<Finding> {
    let target = fs::read_link(state).ok()?;
    let (state, target) = (state.display(), target.display());
    let text = format!(
        "{state} is a link, and the systemd unit does not start with one in the place of its StateDirectory"
    );
    let mend = format!(
        "remove the link and make a folder in its place (sudo rm {state}; sudo mkdir {state}), and mount there what it \
         leads to, by this line in /etc/fstab:\n\
         {target} {state} none bind 0 0\n\
         then sudo systemctl daemon-reload; sudo mount {state}"
    );
    Some(Finding::warning(Topic::Files, text).mend(mend))
}

fn judge(service: &Service, states: &[PathBuf], data_dir: &Path) -> Option<Finding> {
    if service.value("ProtectSystem") != Some("strict") {
        return None;
    }
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let data = real(&std::path::absolute(data_dir).ok()?);
    let data_dir = data_dir.display();
    let is_off = |value: Option<&str>| matches!(value, None | Some("no" | "false" | "off" | "0"));
    let mut hidden = HIDDEN.iter();
    if hidden.any(|(by, folder)| data.starts_with(folder) && !is_off(service.value(by))) {
        let text = format!("the systemd unit hides {data_dir} from the hub");
        let mend = "move it to another place, below /srv for instance, and let data_dir name that";
        return Some(Finding::warning(Topic::Files, text).mend(mend));
    }
    let paths = service.list("ReadWritePaths").into_iter();
    let paths = paths.map(|path| real(Path::new(path.trim_start_matches(['-', '+']))));
    let states = states.iter().map(|state| real(state));
    if paths.chain(states).any(|path| data.starts_with(path)) {
        return None;
    }
    let text = format!(
        "the systemd unit does not let the hub write {data_dir}, so that it does not start there"
    );
    let mend = format!(
        "sudo systemctl edit postroom, and write there:\n\
         [Unit]\n\
         RequiresMountsFor={data_dir}\n\
         [Service]\n\
         ReadWritePaths={data_dir}\n\
         then sudo systemctl restart postroom"
    );
    Some(Finding::warning(Topic::Files, text).mend(mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = include_str!("../../../packaging/postroom.service");

    fn said(drop_in: &str, data_dir: &str) -> Option<Finding> {
        let service = Service::parse(&format!("{UNIT}\n{drop_in}"));
        judge(
            &service,
            &[PathBuf::from("/var/lib/postroom")],
            Path::new(data_dir),
        )
    }

    #[test]
    fn a_data_folder_that_the_shipped_unit_may_not_write_is_told_with_its_drop_in() {
        assert_eq!(said("", "/var/lib/postroom"), None);
        let finding = said("", "/srv/mail/pr").unwrap();
        let mend = finding.mend.unwrap();
        assert!(
            finding
                .text
                .contains("does not let the hub write /srv/mail/pr")
        );
        assert!(
            mend.contains(
                "\n[Unit]\nRequiresMountsFor=/srv/mail/pr\n[Service]\nReadWritePaths=/srv/mail/pr\n"
            ),
            "{mend}"
        );
        // What it says is what mends it.
        let drop_in = mend.split_once('\n').unwrap().1;
        assert_eq!(said(drop_in, "/srv/mail/pr"), None);
        for (drop_in, is_told) in [
            ("[Service]\nReadWritePaths=-/srv/mail", false),
            ("[Service]\nReadWritePaths=/srv/mai", true),
            ("[Service]\nReadWritePaths=/srv\nReadWritePaths=", true),
            ("[Service]\nProtectSystem=no", false),
        ] {
            assert_eq!(
                said(drop_in, "/srv/mail/pr").is_some(),
                is_told,
                "{drop_in}"
            );
        }
        let hidden = said(
            "[Service]\nReadWritePaths=/home/anna/mail",
            "/home/anna/mail",
        );
        assert!(hidden.unwrap().text.contains("hides"));
    }

    #[test]
    fn a_link_in_the_place_of_the_units_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (state, disk) = (folder.path().join("postroom"), folder.path().join("disk"));
        fs::create_dir(&disk).unwrap();
        assert_eq!(judge_link(&disk), None);
        std::os::unix::fs::symlink(&disk, &state).unwrap();
        let mend = judge_link(&state).unwrap().mend.unwrap();
        let line = format!("\n{} {} none bind 0 0\n", disk.display(), state.display());
        assert!(mend.contains(&line), "{mend}");
    }
}
