//! Whatever is done to the directory, by hand or by command: a person sees all
//! mail of that person and of nobody else, and no message is gone.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::*;

use super::super::*;

const NAMES: [&str; 3] = ["anna", "bob", "eve"];

#[derive(Debug, Clone)]
enum Act {
    /// Somebody new is written into the file.
    Hire(usize),
    /// A user drops out of the file.
    Slip(usize),
    /// … and comes back as before.
    Undo(usize),
    Password(usize),
    Remove(usize),
    RenameStoreFirst(usize, usize),
    RenameFileFirst(usize, usize),
    Deliver(usize),
    Reopen,
}

fn acts() -> impl Strategy<Value = Act> {
    let name = 0..NAMES.len();
    prop_oneof![
        3 => name.clone().prop_map(Act::Hire),
        3 => name.clone().prop_map(Act::Slip),
        2 => name.clone().prop_map(Act::Undo),
        1 => name.clone().prop_map(Act::Password),
        1 => name.clone().prop_map(Act::Remove),
        2 => (name.clone(), name.clone()).prop_map(|(from, to)| Act::RenameStoreFirst(from, to)),
        2 => (name.clone(), name.clone()).prop_map(|(from, to)| Act::RenameFileFirst(from, to)),
        5 => name.prop_map(Act::Deliver),
        1 => Just(Act::Reopen),
    ]
}

/// A person's line of the file: who it is, and the password entry.
type Entry = (u32, String);

struct World {
    office: Office,
    file: BTreeMap<usize, Entry>,
    /// Who dropped out of the file last, by name, and may come back.
    away: BTreeMap<usize, Entry>,
    drawn: u32,
    /// Whose each message is.
    mail: Vec<(QueueId, u32)>,
}

impl World {
    fn draw(&mut self) -> (u32, String) {
        self.drawn += 1;
        (self.drawn, format!("entry {}", self.drawn))
    }

    fn reload(&self) {
        let users: Vec<_> = self
            .file
            .iter()
            .map(|(name, (_, fingerprint))| (NAMES[*name].to_string(), fingerprint.clone()))
            .collect();
        let now = self.office.now;
        // Nobody at all is refused; then everything stays as it is.
        let _ = wait(self.office.store().reconcile(&users, &[], now));
    }

    fn rename(&self, from: usize, to: usize) {
        let (old, new) = (NAMES[from], NAMES[to]);
        let now = self.office.now.wall;
        wait(self.office.store().rename(old, new, now)).unwrap();
    }

    fn act(&mut self, act: Act) {
        let listed = |name| self.file.contains_key(name);
        match act {
            Act::Hire(name) if !listed(&name) => {
                let entry = self.draw();
                self.file.insert(name, entry);
                self.away.remove(&name);
                self.reload();
            }
            Act::Slip(name) if listed(&name) && self.file.len() > 1 => {
                let entry = self.file.remove(&name).unwrap();
                self.away.insert(name, entry);
                self.reload();
            }
            Act::Undo(name) if !listed(&name) => {
                self.file.extend(self.away.remove_entry(&name));
                self.reload();
            }
            Act::Password(name) if listed(&name) => {
                let (_, fingerprint) = self.draw();
                self.file.get_mut(&name).unwrap().1 = fingerprint;
                self.reload();
            }
            Act::Remove(name) if listed(&name) && self.file.len() > 1 => {
                self.file.remove(&name);
                self.reload();
                let now = self.office.now.wall;
                wait(self.office.store().seal(NAMES[name], now)).unwrap();
            }
            Act::RenameStoreFirst(from, to) if listed(&from) && !listed(&to) => {
                self.rename(from, to);
                self.retitle(from, to);
            }
            Act::RenameFileFirst(from, to) if listed(&from) && !listed(&to) => {
                self.retitle(from, to);
                self.act(Act::Deliver(to));
                self.rename(from, to);
            }
            Act::Deliver(name) if listed(&name) => {
                let id = self.office.deliver(&[NAMES[name]], SMALL);
                self.mail.push((id, self.file[&name].0));
            }
            Act::Reopen => {
                self.office.reopen();
                self.reload();
            }
            _ => {}
        }
    }

    fn retitle(&mut self, from: usize, to: usize) {
        let entry = self.file.remove(&from).unwrap();
        self.file.insert(to, entry);
        self.away.remove(&to);
        self.reload();
    }

    fn check(&self) {
        for (name, (person, _)) in &self.file {
            let listing = self.office.listing(NAMES[*name]);
            let seen: Vec<_> = listing.iter().map(|scan| scan.message).collect();
            let own = self.mail.iter().filter(|(_, whose)| whose == person);
            let own: Vec<_> = own.map(|(id, _)| *id).collect();
            assert_eq!(seen, own, "{}", NAMES[*name]);
        }
        let boxes = wait(self.office.store().mailboxes()).unwrap();
        let kept: u64 = boxes.iter().map(|found| found.messages).sum();
        assert_eq!(kept, self.mail.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn a_person_sees_all_mail_of_that_person_and_of_nobody_else(
        acts in prop::collection::vec(acts(), 1..40)
    ) {
        let mut world = World {
            office: office(),
            file: BTreeMap::new(),
            away: BTreeMap::new(),
            drawn: 0,
            mail: Vec::new(),
        };
        for act in acts {
            world.act(act);
            world.check();
        }
    }
}
