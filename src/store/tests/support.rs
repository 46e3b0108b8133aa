//! A store in a folder of its own, and mail to put into it.
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::super::*;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs a future to its end on this thread: the store needs no executor.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// A fixed start; the running clock has to be a real one.
pub fn start() -> Moment {
    Moment {
        wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        running: std::time::Instant::now(),
    }
}

/// A disk whose free room a test sets.
#[derive(Clone)]
pub struct TestDisk(Arc<AtomicU64>);

impl TestDisk {
    pub const TOTAL: u64 = 100 << 30;

    pub fn set_free(&self, octets: u64) {
        self.0.store(octets, Ordering::Relaxed);
    }
}

pub struct Office {
    pub store: Option<Store>,
    pub settings: Settings,
    pub disk: TestDisk,
    pub now: Moment,
    _folder: TempDir,
}

/// An empty store, on a disk with plenty of room.
pub fn office() -> Office {
    let folder = TempDir::new().unwrap();
    let free = Arc::new(AtomicU64::new(TestDisk::TOTAL / 2));
    let reading = Arc::clone(&free);
    let settings = Settings {
        disk: Disk::pretended(move || Room {
            free: reading.load(Ordering::Relaxed),
            total: TestDisk::TOTAL,
        }),
        ..Settings::new(folder.path().join("data"))
    };
    let now = start();
    let store = Store::open(&settings, now).unwrap();
    Office {
        store: Some(store),
        settings,
        disk: TestDisk(free),
        now,
        _folder: folder,
    }
}

impl Office {
    pub fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub fn data(&self) -> &Path {
        &self.settings.data_dir
    }

    /// Both clocks go on.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    pub fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Store::open(&self.settings, self.now).unwrap());
    }

    /// A second look at the database, as a person with sqlite3 has it.
    pub fn database(&self) -> Connection {
        schema::connect(&self.data().join("postroom.db"), Purpose::Read).unwrap()
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.database()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    pub fn body(&self, octets: &[u8]) -> Body {
        wait(async {
            let mut body = self.store().new_body();
            for piece in octets.chunks(10_000) {
                body.write(piece).await.unwrap();
            }
            body.finish().await.unwrap()
        })
    }

    pub fn message(&self, users: &[&str], body: &[u8]) -> NewMessage {
        // As the hub does when it reads the directory.
        for user in users.iter().filter(|user| !user.is_empty()) {
            self.maildrop(user);
        }
        NewMessage {
            id: self.store().next_id(self.now.wall),
            received_at: self.now.wall,
            source: "smtp".into(),
            reverse_path: "<sender@world.example>".into(),
            body: self.body(body),
            entries: users.iter().map(|user| entry(user)).collect(),
        }
    }

    /// Delivers and returns the message's id.
    pub fn deliver(&self, users: &[&str], body: &[u8]) -> QueueId {
        let message = self.message(users, body);
        wait(self.store().deliver(message)).unwrap().queue_id()
    }

    pub fn maildrop(&self, user: &str) -> Maildrop {
        wait(self.store().open_maildrop(user)).unwrap()
    }

    pub fn listing(&self, user: &str) -> Vec<Scan> {
        wait(self.store().listing(&self.maildrop(user))).unwrap()
    }

    pub fn content(&self, entry: EntryId) -> Result<Vec<u8>, StoreError> {
        wait(async {
            let mut reader = self.store().open_message(entry).await?;
            let mut content = Vec::new();
            while let Some(chunk) = reader.next_chunk().await? {
                assert!(!chunk.is_empty() && chunk.len() <= CHUNK_OCTETS);
                content.extend(chunk);
            }
            Ok(content)
        })
    }

    /// Collects all that waits for the user.
    pub fn collect(&self, user: &str) -> u64 {
        let maildrop = self.maildrop(user);
        let entries = self.listing(user).iter().map(|scan| scan.entry).collect();
        wait(self.store().collect(maildrop.mailbox, entries, self.now)).unwrap()
    }

    pub fn sweep(&self) -> SweepReport {
        wait(self.store().sweep(self.now)).unwrap()
    }

    pub fn summary(&self, user: Option<&str>) -> MailboxSummary {
        let mut found = wait(self.store().mailboxes()).unwrap();
        found.retain(|mailbox| mailbox.user.as_deref() == user && mailbox.sealed_at.is_none());
        assert_eq!(found.len(), 1, "{user:?}");
        found.remove(0)
    }

    pub fn body_files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.data().join("bodies"))
            .unwrap()
            .map(|found| found.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Keeps the writer busy until it is dropped, so that changes gather.
pub struct Busy {
    release: Option<async_channel::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

pub fn keep_busy(store: &Store) -> Busy {
    let (release, released) = async_channel::bounded::<()>(1);
    let (begun, begins) = async_channel::bounded::<()>(1);
    let store = store.clone();
    let thread = thread::spawn(move || {
        wait(store.0.writer.upkeep(move |_| {
            let _ = begun.try_send(());
            let _ = released.recv_blocking();
            Ok(())
        }))
        .unwrap();
    });
    begins.recv_blocking().unwrap();
    Busy {
        release: Some(release),
        thread: Some(thread),
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.release.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Has the jobs wait for the writer together, in this order, then lets it go.
pub fn together<T: Send>(store: &Store, jobs: Vec<Box<dyn FnOnce() -> T + Send + '_>>) -> Vec<T> {
    let busy = keep_busy(store);
    thread::scope(|scope| {
        let mut running = Vec::new();
        for (number, job) in jobs.into_iter().enumerate() {
            running.push(scope.spawn(job));
            while store.0.writer.waiting() <= number {
                thread::yield_now();
            }
        }
        drop(busy);
        running.into_iter().map(|job| job.join().unwrap()).collect()
    })
}

/// From now on the database cannot grow, as on a full disk.
pub fn fill_disk(office: &Office) {
    let pages = office.number("PRAGMA page_count");
    wait(office.store().0.writer.upkeep(move |db| {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        Ok(())
    }))
    .unwrap();
}

pub fn entry(user: &str) -> NewEntry {
    NewEntry {
        mailbox: match user {
            "" => MailboxName::Unclaimed,
            user => MailboxName::User(user.into()),
        },
        trace: trace(user),
        why: format!("alias for {user}"),
    }
}

pub fn trace(user: &str) -> Vec<u8> {
    format!("Return-Path: <sender@world.example>\r\nDelivered-To: {user}@example.com\r\n")
        .into_bytes()
}

pub const SMALL: &[u8] = b"Subject: a\r\n\r\nHello.\r\n";

/// A body that is too large for the database.
pub fn large() -> Vec<u8> {
    let mut body = b"Subject: large\r\n\r\n".to_vec();
    while body.len() <= 3 * INLINE_OCTETS {
        body.extend(format!("line {}\r\n", body.len()).bytes());
    }
    body
}

/// A message as a provider sends it; `unique_id` empty for none.
pub struct Sent<'a> {
    pub provider: ProviderId,
    pub unique_id: &'a str,
    pub digest: u8,
    pub kind: FetchedKind,
}

impl Office {
    pub fn provider(&self) -> ProviderId {
        wait(self.store().provider("pop.isp.example", "office", self.now))
            .unwrap()
            .id
    }

    pub fn sent<'a>(&self, unique_id: &'a str, digest: u8) -> Sent<'a> {
        Sent {
            provider: self.provider(),
            unique_id,
            digest,
            kind: FetchedKind::Message,
        }
    }

    pub fn fetched_message(&self, body: &[u8]) -> FetchedMessage {
        self.maildrop("anna");
        FetchedMessage {
            id: self.store().next_id(self.now.wall),
            received_at: self.now.wall,
            source: "main".into(),
            reverse_path: "<>".into(),
            body: self.body(body),
        }
    }

    /// Delivers to anna.
    pub fn fetch(&self, sent: &Sent<'_>) -> FetchedDelivery {
        let message = self.fetched_message(SMALL);
        let mark = sent.mark();
        let delivering =
            self.store()
                .deliver_fetched(message, mark, None, self.now, |_: &EarlierCopies| {
                    Some(vec![entry("anna")])
                });
        wait(delivering).unwrap()
    }

    /// Compares a whole listing.
    pub fn compare(&self, listed: &[&str]) -> Comparison {
        self.compare_as(listed, true)
    }

    pub fn compare_as(&self, listed: &[&str], whole: bool) -> Comparison {
        let listed = listed.iter().map(|it| unique_id(it)).collect();
        let comparing = self
            .store()
            .compare_listing(self.provider(), listed, whole, self.now);
        wait(comparing).unwrap()
    }

    pub fn records(&self) -> i64 {
        self.number("SELECT count(*) FROM fetched")
    }
}

impl Sent<'_> {
    pub fn mark(&self) -> FetchedMark {
        FetchedMark {
            provider: self.provider,
            unique_id: unique_id(self.unique_id),
            kind: self.kind,
            digest: [self.digest; 32],
            octets: Some(u64::from(self.digest) * 100),
        }
    }
}

/// None for an empty one.
pub fn unique_id(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| text.as_bytes().to_vec())
}
