//! PCs that have been off: each takes a hundred messages of 50 KB, one answer
//! after the other, and has them removed. Both sides' mail lies on an ext4 made
//! for it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use postroom::store::{Keep, Moment, Settings, Store};

use crate::filling::fill_each;
use crate::office::Office;
use crate::pop3::{Door, drain, poll_at};
use crate::process::Process;
use crate::table::{amount, median};
use crate::tls::Client;
use crate::{Outcome, Plan};

use super::comparison::Comparison;
use super::dovecot::{self, Form, Maildir, Server};
use super::loop_disk::LoopDisk;
use super::rates::{CLIENTS, Limits, Rates, compare};

const MESSAGES: usize = 100;
const MESSAGE_OCTETS: usize = 51_200;
/// The kind of user.
const KIND: &str = "pc";
/// Room for both sides' mail, for our log, and for what is not given back yet.
const DISK_OCTETS: u64 = 3 << 30;
const WORK: &str = "drain 100 × 50 KB (RETR, DELE, QUIT), 10 clients, ext4 in a file";
/// Later than the last removal by the hub's clock, however long it had run.
const LATER: Duration = Duration::from_secs(60 * 60);

/// Where the mail lies, and whose it is.
struct Scene {
    office: Office,
    content: Vec<u8>,
    /// The mailboxes of each client.
    users: Vec<Vec<String>>,
    mail: PathBuf,
    /// Last, so that nothing on it is in use when it goes.
    disk: LoopDisk,
}

/// Without TLS and with it.
pub fn measure(folder: &Path, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    if let Some(why) = dovecot::what_is_missing() {
        comparison.missing(WORK, why);
        return Ok(());
    }
    let disk = match LoopDisk::make(folder, DISK_OCTETS) {
        Ok(disk) => disk,
        Err(why) => {
            comparison.missing(WORK, &why.to_string());
            return Ok(());
        }
    };
    let scene = Scene::make(disk, plan)?;
    for (words, client) in [("", None), (", TLS", Some(Client::anew()?))] {
        let (mut peer, mut own, mut swept) = <(Rates, Rates, Rates)>::default();
        for _ in 0..plan.works {
            scene.on_dovecot(client.as_ref(), &mut peer)?;
            scene.on_postroom(client.as_ref(), &mut own, &mut swept)?;
        }
        report(&format!("{WORK}{words}"), &peer, &own, &swept, comparison);
    }
    Ok(())
}

fn report(work: &str, peer: &Rates, own: &Rates, swept: &Rates, comparison: &mut Comparison) {
    let median = median(&own.per_second);
    let messages = amount(median * MESSAGES as f64);
    let limits = Limits {
        rate: format!("target: ≥ 1.5 ×; here {messages} messages/s"),
        cpu: String::new(),
    };
    compare(comparison, work, ("Dovecot", peer), own, limits);
    let limits = Limits {
        rate: "target: ≥ 1.5 ×".to_string(),
        cpu: String::new(),
    };
    let work = "… ours with keep_collected = 0, the sweep after it counted";
    compare(comparison, work, ("Dovecot", peer), swept, limits);
}

impl Scene {
    fn make(disk: LoopDisk, plan: &Plan) -> Outcome<Scene> {
        let each = plan.drained_mailboxes;
        let office = Office::make_for(&disk.path().join("office"), &[(KIND, CLIENTS * each)])?;
        let users = (0..CLIENTS)
            .map(|client| {
                let number = |mailbox| client * each + mailbox;
                (1..=each).map(|n| format!("{KIND}{}", number(n))).collect()
            })
            .collect();
        Ok(Scene {
            office,
            content: content(),
            users,
            mail: disk.path().join("mail"),
            disk,
        })
    }

    fn all_users(&self) -> impl Iterator<Item = &String> {
        self.users.iter().flatten()
    }

    fn on_dovecot(&self, client: Option<&Client>, rates: &mut Rates) -> Outcome<()> {
        let content = String::from_utf8_lossy(&self.content).replace("\r\n", "\n");
        let mut maildirs = Vec::new();
        for user in self.all_users() {
            let mut maildir = Maildir::make(&self.mail, user)?;
            for _ in 0..MESSAGES {
                maildir.put(content.as_bytes())?;
            }
            maildirs.push(maildir);
        }
        let server = Server::start(Form::Default, &self.mail, &self.office.tls())?;
        let door = match client {
            None => server.pop3.clone(),
            Some(client) => server.pop3s(client),
        };
        self.work(server.process(), &server.pop3, &door, rates)?;
        for maildir in maildirs {
            expect(maildir.left()?, 0, "messages left in a Maildir")?;
        }
        Ok(())
    }

    fn on_postroom(
        &self,
        client: Option<&Client>,
        rates: &mut Rates,
        swept: &mut Rates,
    ) -> Outcome<()> {
        self.office.empty()?;
        // A first start makes the mailboxes of the directory.
        self.office.start()?.stop()?;
        let all = (0..MESSAGES).flat_map(|_| self.all_users().cloned());
        fill_each(&self.office, &self.content, all)?;
        let hub = self.office.start()?;
        let pop3 = Door::plain(hub.address("pop3")?);
        let door = match client {
            None => pop3.clone(),
            Some(client) => Door::tls(hub.address("pop3s")?, client.clone()),
        };
        let took = self.work(hub.process(), &pop3, &door, rates)?;
        hub.stop()?;
        let mailboxes = self.all_users().count();
        let (sweep, cpu_s) = self.sweep(mailboxes * MESSAGES)?;
        let each = mailboxes as f64;
        let with_sweep = (took + sweep).as_secs_f64();
        swept.per_second.push(each / with_sweep);
        let cpu_ms = rates.cpu_ms.last().copied().unwrap_or(f64::NAN);
        swept.cpu_ms.push(cpu_ms + cpu_s * 1000.0 / each);
        Ok(())
    }

    /// Every mailbox of every client, once.
    fn work(
        &self,
        server: Process,
        plain: &Door,
        door: &Door,
        rates: &mut Rates,
    ) -> Outcome<Duration> {
        // Dovecot's index of a mailbox is made by its first session, and our first
        // log-in of a user costs a password hash.
        for user in self.all_users() {
            poll_at(plain, user)?;
        }
        rustix::fs::syncfs(File::open(self.disk.path())?)?;
        let (_, took) = rates.measure(server, &self.users, |users| {
            for user in users {
                expect(drain(door, user)?, MESSAGES, "messages in a mailbox")?;
            }
            Ok(users.len() as u64)
        })?;
        Ok(took)
    }

    /// What the hub would do within ten minutes with `keep_collected = "0 days"`,
    /// by the same door: how long it took, and its processor seconds.
    fn sweep(&self, messages: usize) -> Outcome<(Duration, f64)> {
        let mut settings = Settings::new(self.office.data_dir());
        settings.keep = Keep {
            collected: Duration::ZERO,
            ..Keep::default()
        };
        let store = Store::open(&settings, Moment::now())?;
        let cpu_before = Process::own().used()?.cpu_s;
        let began = Instant::now();
        let report = smol::block_on(store.sweep(Moment {
            wall: SystemTime::now() + LATER,
            running: began + LATER,
        }))?;
        let took = began.elapsed();
        let cpu_s = Process::own().used()?.cpu_s - cpu_before;
        store.close();
        expect(report.messages.len(), messages, "messages swept")?;
        Ok((took, cpu_s))
    }
}

fn content() -> Vec<u8> {
    let mut content = b"From: friend@elsewhere.example\r\nTo: us@example.com\r\n\
        Subject: Pictures\r\nMessage-ID: <1@elsewhere.example>\r\n\r\n"
        .to_vec();
    let line = b"QSBsaW5lIG9mIGFuIGF0dGFjaG1lbnQsIGFzIGJhc2U2NCB3cml0ZXMgaXQsIDc2IG9jdGV0cy4=\r\n";
    while content.len() < MESSAGE_OCTETS {
        content.extend_from_slice(line);
    }
    content
}

fn expect(found: usize, wanted: usize, what: &str) -> Outcome<()> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{found} {what}, not {wanted}").into()),
    }
}
