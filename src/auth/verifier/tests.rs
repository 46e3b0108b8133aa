use std::time::{Duration, Instant};

use argon2::Params;
use smol::block_on;
use smol::future::{poll_once, zip};

use super::*;
use crate::auth::password::hash_password_with;

fn settings() -> Settings {
    Settings {
        threads: 1,
        queue: 4,
        release_after: Duration::from_millis(50),
        ..Settings::default()
    }
}

fn quick_hash(password: &str) -> PasswordHash {
    hash_password_with(Params::new(8, 1, 1, None).unwrap(), password).unwrap()
}

/// Takes a few tenths of a second.
fn slow_hash(password: &str) -> PasswordHash {
    hash_password_with(Params::new(64 * 1024, 4, 1, None).unwrap(), password).unwrap()
}

#[test]
fn wrong_passwords_and_unknown_users_get_one_answer() {
    let verifier = Verifier::start(&settings()).unwrap();
    let hash = quick_hash("secret");
    assert_eq!(
        block_on(verifier.verify("anna", Some(&hash), b"Secret", Turn::First)),
        Verdict::Wrong
    );
    assert_eq!(
        block_on(verifier.verify("anna", Some(&hash), b"", Turn::First)),
        Verdict::Wrong
    );
    assert_eq!(
        block_on(verifier.verify("nobody", None, b"secret", Turn::First)),
        Verdict::Wrong
    );
    assert_eq!(verifier.remembered_users(), 0);
    assert_eq!(
        block_on(verifier.verify("anna", Some(&hash), b"secret", Turn::First)),
        Verdict::Correct
    );
    assert_eq!(verifier.remembered_users(), 1);
}

#[test]
fn an_unknown_user_takes_as_long_as_a_known_one() {
    let verifier = Verifier::start(&settings()).unwrap();
    let hash = hash_password_with(Params::DEFAULT, "secret").unwrap();
    let time = |stored: Option<&PasswordHash>| {
        let start = Instant::now();
        assert_eq!(
            block_on(verifier.verify("anna", stored, b"wrong", Turn::First)),
            Verdict::Wrong
        );
        start.elapsed()
    };
    // Turn by turn and the fastest of each, so that a busy machine does not matter.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..12 {
        known = known.min(time(Some(&hash)));
        unknown = unknown.min(time(None));
    }
    assert!(
        unknown > known / 2 && known > unknown / 2,
        "{known:?} {unknown:?}"
    );
}

#[test]
fn a_remembered_success_does_not_wait_for_the_queue() {
    let verifier = Verifier::start(&settings()).unwrap();
    let (quick, slow) = (quick_hash("secret"), slow_hash("secret"));
    assert_eq!(
        block_on(verifier.verify("anna", Some(&quick), b"secret", Turn::First)),
        Verdict::Correct
    );
    block_on(async {
        let mut busy = Box::pin(verifier.verify("bob", Some(&slow), b"wrong", Turn::First));
        assert_eq!(poll_once(&mut busy).await, None);
        // Answered at the first poll: nothing was waited for.
        let remembered =
            poll_once(verifier.verify("anna", Some(&quick), b"secret", Turn::First)).await;
        assert_eq!(remembered, Some(Verdict::Correct));
        assert_eq!(busy.await, Verdict::Wrong);
    });
}

#[test]
fn a_changed_password_is_not_matched_by_what_is_remembered() {
    let verifier = Verifier::start(&settings()).unwrap();
    let (old, new) = (quick_hash("old"), quick_hash("new"));
    assert_eq!(
        block_on(verifier.verify("anna", Some(&old), b"old", Turn::First)),
        Verdict::Correct
    );
    assert_eq!(
        block_on(verifier.verify("anna", Some(&new), b"old", Turn::First)),
        Verdict::Wrong
    );
    assert_eq!(
        block_on(verifier.verify("anna", Some(&new), b"new", Turn::First)),
        Verdict::Correct
    );
    assert_eq!(
        block_on(verifier.verify("anna", None, b"new", Turn::First)),
        Verdict::Wrong
    );
}

#[test]
fn more_log_ins_than_the_queue_holds_wait_and_are_all_answered() {
    let verifier = Verifier::start(&settings()).unwrap();
    let hash = quick_hash("secret");
    let executor = smol::LocalExecutor::new();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (verifier, hash) = (verifier.clone(), hash.clone());
            executor.spawn(async move {
                let user = format!("user{number}");
                verifier
                    .verify(&user, Some(&hash), b"secret", Turn::First)
                    .await
            })
        })
        .collect();
    block_on(executor.run(async {
        for task in tasks {
            assert_eq!(task.await, Verdict::Correct);
        }
    }));
    assert_eq!(verifier.remembered_users(), 50);
    assert!(verifier.places.first.is_empty());
}

/// The order in which these log-ins are taken, all of which wait.
fn order(waiting: &[Turn]) -> Vec<Turn> {
    let mut queue = Queue::default();
    for &turn in waiting {
        queue.push(Job {
            turn,
            user: "anna".to_owned(),
            password: Secret::default(),
            stored: None,
            answer: async_channel::bounded(1).0,
        });
    }
    let order = std::iter::from_fn(|| queue.pop()).map(|job| job.turn);
    order.collect()
}

#[test]
fn a_crowd_that_guesses_does_not_keep_others_waiting_and_is_served_in_turn() {
    use Turn::{First, Later};
    let crowd = [[Later; 20].as_slice(), &[First; 2]].concat();
    assert_eq!(order(&crowd)[..3], [First, First, Later]);
    let others = [[Later; 2].as_slice(), &[First; 20]].concat();
    assert_eq!(
        order(&others)[..9],
        [
            First, First, First, Later, First, First, First, Later, First
        ]
    );
    assert_eq!(order(&others).len(), 22);
}

#[test]
fn a_log_in_that_was_given_up_is_skipped() {
    let verifier = Verifier::start(&settings()).unwrap();
    let slow = slow_hash("secret");
    block_on(async {
        let mut busy = Box::pin(verifier.verify("bob", Some(&slow), b"wrong", Turn::First));
        assert_eq!(poll_once(&mut busy).await, None);
        let mut given_up = Box::pin(verifier.verify("anna", Some(&slow), b"secret", Turn::First));
        assert_eq!(poll_once(&mut given_up).await, None);
        drop(given_up);
        zip(
            busy,
            verifier.verify("carol", Some(&slow), b"wrong", Turn::First),
        )
        .await;
    });
    // Had it been computed, anna would be remembered.
    assert_eq!(verifier.remembered_users(), 0);
    assert!(verifier.places.first.is_empty());
}

#[test]
fn the_threads_end_with_the_last_clone() {
    let verifier = Verifier::start(&settings()).unwrap();
    let clone = verifier.clone();
    let shared = Arc::downgrade(&verifier.shared);
    drop(verifier);
    let hash = quick_hash("secret");
    assert_eq!(
        block_on(clone.verify("anna", Some(&hash), b"secret", Turn::First)),
        Verdict::Correct
    );
    drop(clone);
    let deadline = Instant::now() + Duration::from_secs(10);
    while shared.strong_count() > 0 {
        assert!(Instant::now() < deadline, "a thread still runs");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_thread_without_work_gives_its_memory_back() {
    let verifier = Verifier::start(&settings()).unwrap();
    let mut memory = WorkingMemory::default();
    assert!(memory.blocks(8).is_ok());
    // Played by this thread: it finds no work, releases, and ends.
    let shared = Arc::clone(&verifier.shared);
    let (started, wait_for_start) = std::sync::mpsc::channel();
    let ended = thread::spawn(move || {
        started.send(()).unwrap();
        assert!(shared.next_job(&mut memory).is_none());
        memory.is_held()
    });
    wait_for_start.recv().unwrap();
    thread::sleep(Duration::from_millis(500));
    drop(verifier);
    assert!(!ended.join().unwrap());
}
