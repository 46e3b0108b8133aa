//! An import whose hub is a thread of the test.

use super::*;

/// What the hub's end has read, once the command's end has done `run` in an
/// import. It replies to all of it at the end.
fn heard_by_the_hub(limit: Duration, run: impl FnOnce(&mut Importing)) -> Vec<String> {
    let (near, far) = UnixStream::pair().unwrap();
    let hub = thread::spawn(move || {
        let mut input = BufReader::new(far.try_clone().unwrap());
        let mut output = far;
        let mut request = String::new();
        input.read_line(&mut request).unwrap();
        let answer = serde_json::to_string(&Answer::Importing).unwrap();
        // Nothing is known: the end of both lists.
        write!(output, "{answer}\n\0\0\0\0\0\0\0\0").unwrap();
        let mut steps: Vec<ImportStep> = Vec::new();
        while steps.last().is_none_or(|step| *step != ImportStep::End) {
            steps.push(read(&mut input).unwrap());
        }
        let done = serde_json::to_string(&ImportReply::Done).unwrap();
        writeln!(output, "{done}").unwrap();
        steps
    });
    let transfer = Transfer::over(near, None, limit).unwrap();
    let begun = transfer.import("anna", Gone::LeaveOut, |_, _| {});
    let mut importing = begun.unwrap().unwrap();
    run(&mut importing);
    importing.end().unwrap();
    assert_eq!(importing.reply().unwrap(), ImportReply::Done);
    let steps = hub.join().unwrap();
    steps.iter().map(|step| format!("{step:?}")).collect()
}

#[test]
fn an_import_that_finds_known_messages_for_longer_than_a_reply_takes_goes_on() {
    let limit = Duration::from_millis(200);
    let steps = heard_by_the_hub(limit, |importing| {
        thread::sleep(limit * 3);
        importing.passed_over().unwrap();
        assert!(importing.try_reply().is_none());
    });
    assert_eq!(steps, ["End"]);
}

#[test]
fn the_hub_hears_now_and_then_of_an_import_that_sends_nothing() {
    let steps = heard_by_the_hub(ANSWER_LIMIT, |importing| {
        importing.still_here(Duration::ZERO).unwrap();
        importing.passed_over().unwrap();
    });
    assert_eq!(steps, ["StillHere", "End"]);
}

#[test]
fn a_hub_that_says_nothing_is_told_in_words() {
    let (near, _silent) = UnixStream::pair().unwrap();
    let transfer = Transfer::over(near, None, Duration::from_millis(10)).unwrap();
    let why = transfer.import("anna", Gone::LeaveOut, |_, _| {});
    let why = why.unwrap_err().to_string();
    assert!(why.contains("has been silent for minutes"), "{why}");
    assert!(!why.contains("os error"), "{why}");
}
