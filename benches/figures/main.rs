//! The hub's figures, each beside something measured in the same run, since no
//! two machines and no two minutes are alike: `cargo bench --bench figures`.
//!
//! Starts the real program on offices of its own below the target folder (so
//! on the disk that is built on), speaks to it over loopback, and reads what it
//! costs from `/proc`. Each work is done three times; the table shows the
//! median, the least and the most, and the median of the ratios within a run.
//! `--quick` takes shorter works; `backup`, `fetching`, `guessing`, `limits` or `transfer` that part alone. Needs Linux;
//! Postfix's `smtp-source`, Dovecot and fetchmail are used where they are
//! installed. `peers` is another run, which `scripts/bench` does: the same works
//! on other mail servers and on the hub, in turn.

mod interruption;
mod table;
mod process;
mod office;
mod filling;
mod disk;
mod smtp;
mod tls;
mod pop3;
mod starting;
mod memory;
mod intake;
mod polling;
mod provider;
mod fetching;
mod limits;
mod guessing;
mod backup;
mod transfer;
mod peers;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use office::Office;
use table::Table;

/// Any failure ends the run: a figure of a hub that fails is none.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long the works are.
pub struct Plan {
    /// How often each work is done.
    pub works: usize,
    /// How often the memory is measured, which takes a hub's rest each time.
    pub memory_works: usize,
    /// How long each rate is measured.
    pub rate_time: Duration,
    /// Messages of one work with smtp-source.
    pub source_messages: usize,
    /// How often a mailbox is fetched over each way.
    pub fetch_works: usize,
    /// Wrong passwords for each kind of user.
    pub guesses: usize,
    /// Messages in a large mailbox beside Dovecot's.
    pub large_mailbox: usize,
    /// Mailboxes that each of the clients collects beside Dovecot's.
    pub drained_mailboxes: usize,
    /// Messages in a store that has grown.
    pub many_messages: usize,
}

impl Plan {
    const WHOLE: Plan = Plan {
        works: 3,
        memory_works: 3,
        rate_time: Duration::from_millis(1500),
        source_messages: 3_000,
        fetch_works: 3,
        guesses: 400,
        large_mailbox: 20_000,
        drained_mailboxes: 5,
        many_messages: 1_000_000,
    };
    const QUICK: Plan = Plan {
        works: 3,
        memory_works: 1,
        rate_time: Duration::from_millis(300),
        source_messages: 300,
        fetch_works: 1,
        guesses: 200,
        large_mailbox: 5_000,
        drained_mailboxes: 1,
        many_messages: 100_000,
    };
}

fn main() -> ExitCode {
    let is_given = |word| std::env::args().any(|argument| argument == word);
    let plan = match is_given("--quick") {
        true => Plan::QUICK,
        false => Plan::WHOLE,
    };
    let outcome = match () {
        () if is_given(peers::APPENDING) => peers::append(),
        () if is_given("peers") => measure(peers::measure, &plan),
        () if is_given("fetching") => measure_table(fetching, &plan),
        () if is_given("backup") => measure_table(backup, &plan),
        () if is_given("guessing") => measure_table(guessing, &plan),
        () if is_given("transfer") => measure_table(transferring, &plan),
        () if is_given("limits") => measure_table(limits, &plan),
        () => measure_table(all, &plan),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // After an interruption everything fails, each in words of its own.
            let why = interruption::check().err().unwrap_or(why);
            eprintln!("figures: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure_table(
    part: impl FnOnce(&Path, &Plan, &mut Table) -> Outcome<()>,
    plan: &Plan,
) -> Outcome<()> {
    let with_table = |folder: &Path, plan: &Plan| {
        let mut table = Table::default();
        part(folder, plan, &mut table)?;
        Ok(table.to_string())
    };
    measure(with_table, plan)
}

/// Runs a part in a folder of its own and prints the table that it returns.
fn measure(part: impl FnOnce(&Path, &Plan) -> Outcome<String>, plan: &Plan) -> Outcome<()> {
    interruption::watch()?;
    // A system's /tmp may lie in memory.
    let _ = tempfile::env::override_temp_dir(Path::new("/var/tmp"));
    let began = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("figures-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    print_machine(folder.path());
    println!("\n{}", part(folder.path(), plan)?);
    println!(
        "load now {}; the run took {:.0} s",
        load(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn all(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    say("the hub starts, without mail");
    let small = Office::make(&folder.join("small"))?;
    starting::measure(&small, "no mail", plan, table)?;
    say("the hub rests; its memory");
    memory::measure(&small, plan, table)?;
    say("mail comes in");
    intake::measure(&small, folder, plan, table)?;

    let full = Office::make(&folder.join("full"))?;
    // A first start makes the mailboxes of the directory.
    full.start()?.stop()?;
    say("100,000 messages go into the store");
    filling::fill(&full)?;
    say("the hub starts, with 100,000 messages");
    starting::measure(&full, "100,000 messages", plan, table)?;
    say("PCs poll");
    polling::measure(&full, plan, table)?;
    fetching(folder, plan, table)?;
    limits(folder, plan, table)?;
    guessing(folder, plan, table)?;
    transferring(folder, plan, table)?;
    backup(folder, plan, table)
}

fn backup(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    say("backups are made");
    backup::measure(&folder.join("backup"), plan, table)
}

fn limits(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    say("as much comes as the limits let in");
    limits::measure(&folder.join("limits"), plan, table)
}

fn transferring(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    say("mail is exported and imported");
    transfer::measure(&folder.join("transfer"), plan, table)
}

fn guessing(_folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    say("passwords are guessed");
    guessing::measure(plan, table)
}

fn fetching(folder: &Path, plan: &Plan, table: &mut Table) -> Outcome<()> {
    say("a provider's mailbox is fetched");
    fetching::measure(&folder.join("fetching"), plan, table)
}

fn print_machine(folder: &Path) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{cores} cores, load {} before the run (idle would be 0), offices in {}",
        load(),
        folder.display()
    );
}

/// The system's load over the last minute.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_string()
}

fn say(what: &str) {
    eprintln!("figures: {what} …");
}
