//! The tasks of the accounts, with polls that the test makes up.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use smol::Timer;
use smol::channel::{Receiver, unbounded};

use super::*;
use crate::fetch::{PasswordMethod, Pipelining, Refusal, Secret, Security};
use crate::net::executor;
use crate::net::fetcher::{Caps, Login, Schedule};
use crate::net::tls::TrustedRoots;
use crate::route::multidrop::{self, Copies, Mode, TrustedHosts};

fn provider(name: &str) -> Provider {
    let host = "pop.provider.example";
    Provider {
        name: name.to_string(),
        host: host.to_string(),
        port: 995,
        security: Security::Tls,
        trust: TrustedRoots::System,
        user: name.to_string(),
        login: Login::Password {
            password: Arc::new(Secret::new("secret")),
            method: PasswordMethod::Offered,
        },
        pipelining: Pipelining::ByTest,
        routing: multidrop::Account {
            hostname: "post.example.com".to_string(),
            mode: Mode::Guess,
            trusted_hosts: TrustedHosts::of_provider(host),
            copies: Copies::PerRecipient,
        },
        leave_on_server: Duration::ZERO,
        max_message_size: 50_000_000,
        caps: Caps::default(),
        schedule: Schedule {
            every: Duration::from_secs(3600),
            hours: None,
        },
    }
}

fn changed(name: &str) -> Provider {
    Provider {
        user: "another".to_string(),
        ..provider(name)
    }
}

/// Accounts whose polls last until the test lets them end.
struct Bench {
    fetching: Fetching,
    /// Which polls begin.
    begun: Receiver<String>,
    /// How each ends.
    endings: Sender<Poll>,
    running: Arc<AtomicUsize>,
    /// Last, or nothing would run any more.
    _executor: executor::Executor,
}

/// Counts itself.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Bench {
    fn new() -> Bench {
        let executor = executor::Executor::start().unwrap();
        let (begin, begun) = unbounded();
        let (endings, ends) = unbounded::<Poll>();
        let running = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&running);
        let poller: Poller = Arc::new(move |provider| {
            let (begin, ends) = (begin.clone(), ends.clone());
            let counter = Arc::clone(&counter);
            Box::pin(async move {
                counter.fetch_add(1, SeqCst);
                let _counted = Counted(counter);
                begin.try_send(provider.name.clone()).unwrap();
                let poll = ends.recv().await.unwrap();
                assert!(poll.report.listed != 666, "a panic that is wanted");
                poll
            })
        });
        Bench {
            fetching: Fetching {
                poller,
                tasks: Arc::downgrade(&executor.tasks()),
                accounts: lock::Mutex::new(Some(Vec::new())),
            },
            begun,
            endings,
            running,
            _executor: executor,
        }
    }

    fn apply(&self, providers: &[Provider]) {
        smol::block_on(self.fetching.apply(providers));
    }

    /// Asks in a thread of its own.
    fn ask<'scope>(
        &'scope self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        account: Option<&'static str>,
    ) -> std::thread::ScopedJoinHandle<'scope, Answer> {
        scope.spawn(move || smol::block_on(self.fetching.fetch_now(account)))
    }

    /// Until so many have asked and are not heard yet.
    fn wait_for_askers(&self, number: usize) {
        smol::block_on(async {
            loop {
                let accounts = self.fetching.accounts.lock().await;
                let waiting = accounts.iter().flatten().map(|known| known.askers.len());
                if waiting.sum::<usize>() == number {
                    return;
                }
                drop(accounts);
                Timer::after(Duration::from_millis(5)).await;
            }
        });
    }

    /// Until no poll is under way.
    fn wait_for_the_end(&self) {
        while self.states().iter().any(|state| state.polling) {
            smol::block_on(Timer::after(Duration::from_millis(5)));
        }
    }

    fn next_begun(&self) -> String {
        smol::block_on(self.begun.recv()).unwrap()
    }

    fn end(&self, poll: Poll) {
        self.endings.try_send(poll).unwrap();
    }

    fn states(&self) -> Vec<ProviderState> {
        smol::block_on(self.fetching.states())
    }
}

fn fetched(messages: u64) -> Poll {
    Poll {
        report: Report {
            listed: messages + 2,
            fetched: messages,
            fetched_octets: messages * 1000,
            removed: messages,
            ..Report::default()
        },
        outcome: Ok(()),
    }
}

fn lines(answer: Answer) -> Vec<FetchedAccount> {
    match answer {
        Answer::Fetched { accounts } => accounts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_account_is_polled_soon_after_the_start_and_shown() {
    let bench = Bench::new();
    bench.apply(&[provider("main")]);
    assert_eq!(bench.next_begun(), "main");
    assert!(bench.states()[0].polling);
    bench.end(fetched(3));
    bench.wait_for_the_end();
    let shown = bench.states().remove(0);
    assert!(shown.last_success.is_some());
    assert_eq!((shown.fetched, shown.removed, shown.left), (3, 3, Some(2)));
    assert_eq!((shown.last_error, shown.troubles), (None, Vec::new()));
}

#[test]
fn who_asks_during_a_poll_is_answered_by_the_next_one() {
    let bench = Bench::new();
    bench.apply(&[provider("main")]);
    bench.next_begun();
    std::thread::scope(|scope| {
        let asked = bench.ask(scope, Some("main"));
        let too = bench.ask(scope, None);
        bench.wait_for_askers(2);
        bench.end(fetched(1));
        assert_eq!(bench.next_begun(), "main");
        bench.end(fetched(2));
        for answer in [asked, too] {
            let lines = lines(answer.join().unwrap());
            assert_eq!((lines[0].fetched, lines[0].account.as_str()), (2, "main"));
            assert!(lines[0].text.starts_with("2 messages (2.0 kB) from pop."));
        }
    });
    assert!(bench.begun.is_empty());
}

#[test]
fn all_accounts_are_fetched_in_the_order_of_the_file() {
    let bench = Bench::new();
    bench.apply(&[provider("b"), provider("a")]);
    bench.next_begun();
    bench.next_begun();
    bench.end(fetched(0));
    bench.end(fetched(0));
    // Or one account takes the end that is the other's.
    bench.wait_for_the_end();
    std::thread::scope(|scope| {
        let asked = bench.ask(scope, None);
        bench.next_begun();
        bench.next_begun();
        bench.end(fetched(1));
        bench.end(Poll {
            report: Report::default(),
            outcome: Err(PollError::DiskShort),
        });
        let lines = lines(asked.join().unwrap());
        let names: Vec<&str> = lines.iter().map(|line| line.account.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(lines.iter().filter(|line| line.done).count(), 1);
    });
    bench.wait_for_the_end();
    let failed = bench
        .states()
        .into_iter()
        .filter_map(|state| state.last_error);
    assert_eq!(failed.count(), 1);
}

#[test]
fn an_unknown_account_and_no_account_at_all_are_said() {
    let bench = Bench::new();
    let ask = |account| smol::block_on(bench.fetching.fetch_now(account));
    assert!(matches!(ask(None), Answer::Failed { why } if why.contains("no [[provider]]")));
    bench.apply(&[provider("main"), provider("second")]);
    assert!(
        matches!(ask(Some("mian")), Answer::Failed { why } if why.contains("there is main, second, as the running hub knows it"))
    );
}

#[test]
fn a_reload_leaves_alone_what_is_the_same_and_ends_what_is_changed_or_gone() {
    let bench = Bench::new();
    bench.apply(&[provider("same"), provider("changed"), provider("gone")]);
    let mut begun = [bench.next_begun(), bench.next_begun(), bench.next_begun()];
    begun.sort();
    assert_eq!(begun, ["changed", "gone", "same"]);
    assert_eq!(bench.running.load(SeqCst), 3);
    bench.apply(&[changed("changed"), provider("same"), provider("new")]);
    // The polls of those that are over are over when it returns.
    let mut begun = [bench.next_begun(), bench.next_begun()];
    begun.sort();
    assert_eq!(begun, ["changed", "new"]);
    assert_eq!(bench.running.load(SeqCst), 3);
    let names: Vec<String> = bench.states().into_iter().map(|state| state.name).collect();
    assert_eq!(names, ["changed", "same", "new"]);
}

#[test]
fn a_change_of_settings_forgets_nothing() {
    let bench = Bench::new();
    let ask = |ending: Poll| {
        std::thread::scope(|scope| {
            let asked = bench.ask(scope, None);
            bench.next_begun();
            bench.end(ending);
            asked.join().unwrap();
        });
    };
    let refused = Refusal {
        code: None,
        text: "wrong".to_string(),
    };
    bench.apply(&[provider("main")]);
    bench.next_begun();
    bench.end(fetched(3));
    ask(Poll {
        report: Report::default(),
        outcome: Err(Error::LoginRefused(refused).into()),
    });
    bench.apply(&[changed("main")]);
    bench.next_begun();
    let shown = bench.states().remove(0);
    assert_eq!((shown.fetched, shown.troubles.len()), (3, 1));
    bench.end(fetched(1));
    ask(fetched(1));
    let shown = bench.states().remove(0);
    assert_eq!((shown.fetched, shown.troubles.len()), (5, 0));
}

#[test]
fn who_waits_for_an_account_that_is_taken_away_hears_of_it() {
    let bench = Bench::new();
    bench.apply(&[provider("main")]);
    bench.next_begun();
    std::thread::scope(|scope| {
        let asked = bench.ask(scope, None);
        bench.wait_for_askers(1);
        bench.apply(&[]);
        let lines = lines(asked.join().unwrap());
        assert!(!lines[0].done && lines[0].text.contains("was stopped"));
    });
}

#[test]
fn a_poll_that_panics_does_not_end_the_account() {
    let bench = Bench::new();
    bench.apply(&[provider("main")]);
    bench.next_begun();
    bench.end(Poll {
        report: Report {
            listed: 666,
            ..Report::default()
        },
        outcome: Ok(()),
    });
    std::thread::scope(|scope| {
        let asked = bench.ask(scope, None);
        bench.next_begun();
        bench.end(fetched(1));
        assert!(lines(asked.join().unwrap())[0].done);
    });
}

#[test]
fn a_hub_that_stops_begins_no_poll_any_more() {
    let bench = Bench::new();
    bench.apply(&[provider("main")]);
    bench.next_begun();
    smol::block_on(bench.fetching.stop());
    assert_eq!(bench.running.load(SeqCst), 0);
    bench.apply(&[provider("main")]);
    assert!(bench.states().is_empty());
}

#[test]
fn a_poll_is_told_in_one_line() {
    let main = provider("main");
    let took = Duration::from_millis(1234);
    let check = |report: Report, outcome, expected: &str| {
        let poll = Poll { report, outcome };
        assert_eq!(words::sentence(&main, &poll, took), expected);
    };
    let refusal = || Refusal {
        code: None,
        text: "no".to_string(),
    };
    let busy = Report {
        listed: 12,
        fetched: 12,
        fetched_octets: 1_300_000,
        unclaimed: 1,
        removed: 12,
        ..Report::default()
    };
    check(
        busy,
        Ok(()),
        "12 messages (1.3 MB) from pop.provider.example, 1 unclaimed, 12 removed, 0 left, 1.2 s",
    );
    let odd = Report {
        listed: 8,
        fetched: 1,
        fetched_octets: 900,
        duplicates: 1,
        oversized: 1,
        postponed: 2,
        refused: vec![("a".to_string(), refusal())],
        ..Report::default()
    };
    check(
        odd,
        Ok(()),
        "1 message (900 B) from pop.provider.example, 1 already here, 0 removed, 8 left, 1 too large, \
         2 postponed, 1 refused, 1.2 s",
    );
    check(
        Report::default(),
        Ok(()),
        "nothing new from pop.provider.example, 0 removed, 0 left, 1.2 s",
    );
    check(
        Report::default(),
        Err(PollError::Busy),
        "failed: all memory for messages is in use; the next poll tries again",
    );
    let cut = Report {
        fetched: 2,
        fetched_octets: 900,
        ..Report::default()
    };
    check(
        cut,
        Err(PollError::RemovalFailed(refusal())),
        "failed behind 2 messages (900 B), which are kept: the provider's server could not remove all messages: \
         \"no\"; the next poll removes them",
    );
}
