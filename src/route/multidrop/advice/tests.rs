//! Mailboxes of made-up providers, and what the survey makes of them.

use super::*;
use crate::mail::Domain;
use crate::route::{Entries, StoredPassword, User};

fn directory() -> Directory {
    let user = |name: &&str| User {
        access: Default::default(),
        name: name.to_string(),
        password: StoredPassword::new("$argon2id$"),
        addresses: Vec::new(),
    };
    Directory::new(Entries {
        domains: vec![Domain::parse("example.com").unwrap()],
        users: ["anna", "bob", "grace-kim"].iter().map(user).collect(),
        ..Entries::default()
    })
    .unwrap()
}

fn advise(messages: &[String]) -> Option<Advice> {
    let directory = directory();
    let mut survey = Survey::new(&directory, "post.example.com", "pop.provider.example");
    for message in messages {
        assert!(survey.add(HeaderBlock::read(message.as_bytes())));
    }
    survey.advise()
}

/// Messages to anna, bob and grace-kim by turns; `{}` stands for the name.
fn messages(template: &str) -> Vec<String> {
    let names = ["anna", "bob", "grace-kim"];
    let fill = |n: usize| {
        let text = template
            .replace("{}", names[n % 3])
            .replace("{n}", &n.to_string());
        text.replace('|', "\r\n")
    };
    (0..30).map(fill).collect()
}

const OUT: &str = "Received: from x (x.example [203.0.113.1]) by mx.provider.example";

#[test]
fn no_messages_give_no_advice() {
    assert_eq!(advise(&[]), None);
}

#[test]
fn the_header_that_every_message_carries_is_proposed() {
    let advice = advise(&messages(&format!(
        "Return-Path: <x@x.example>|X-Envelope-To: {{}}@example.com|{OUT}; x|To: list@x.example"
    )))
    .unwrap();
    assert_eq!(
        advice.to_string(),
        "mode = \"envelope\"\nenvelope_header = \"X-Envelope-To\"\n\
         trusted_hosts = [\"provider.example\"]\n"
    );
    assert_eq!(
        (advice.carried, advice.explained, advice.messages),
        (30, 30, 30)
    );
    assert_eq!((advice.position, advice.copies), (Some(2), None));
}

#[test]
fn prefix_and_hosts_of_another_name_are_found() {
    let advice = advise(&messages(
        "Delivered-To: mbox-Example-{}@example.com|\
         Received: from x (x.example [203.0.113.1]) by mx7.cloudmail.example; x|To: {}@example.com",
    ))
    .unwrap();
    assert_eq!(
        advice.to_string(),
        "mode = \"envelope\"\nenvelope_header = \"Delivered-To\"\n\
         envelope_prefix = \"mbox-example-\"\ntrusted_hosts = [\"cloudmail.example\"]\n"
    );
    assert_eq!(advice.explained, 30);
}

#[test]
fn an_unheard_of_header_and_received_lines_are_found() {
    let advice = advise(&messages(&format!(
        "X-Our-Customer: {{}}@example.com|{OUT}; x|To: x@x.example"
    )));
    let text = advice.unwrap().to_string();
    assert!(
        text.contains("envelope_header = \"X-Our-Customer\""),
        "{text}"
    );

    let advice = advise(&messages(&format!(
        "{OUT} for <{{}}@example.com>; x|To: x@x.example"
    )));
    let text = advice.unwrap().to_string();
    assert!(text.contains("envelope_header = \"Received\""), "{text}");
}

#[test]
fn what_anybody_can_write_is_not_proposed() {
    let advice = advise(&messages(&format!(
        "{OUT}; x|Delivered-To: {{}}@example.com|To: {{}}@example.com"
    )))
    .unwrap();
    assert_eq!(advice.mode, Mode::Guess);
    assert_eq!(advice.untrusted.as_deref(), Some("Delivered-To"));
    assert_eq!(advice.explained, 30);
}

#[test]
fn a_header_that_is_often_missing_is_not_proposed() {
    let mut mailbox = messages(&format!(
        "X-Envelope-To: {{}}@example.com|{OUT}; x|To: {{}}@example.com"
    ));
    for message in mailbox.iter_mut().take(5) {
        *message = message.replace("X-Envelope-To", "X-Other");
    }
    let advice = advise(&mailbox).unwrap();
    assert_eq!((advice.mode, advice.explained), (Mode::Guess, 30));
}

#[test]
fn copies_are_told_from_messages_to_several() {
    let several = format!("Message-ID: <{{n}}@x>|{OUT}; x|To: anna@example.com, bob@example.com");
    let once = messages(&several);
    assert_eq!(advise(&once).unwrap().copies, Some(Copies::PerMessage));
    let twice = [once.clone(), once].concat();
    assert_eq!(advise(&twice).unwrap().copies, Some(Copies::PerRecipient));
    let exim = messages(&format!(
        "Envelope-To: anna@example.com,|\tbob@example.com|{OUT}; x|To: x@x.example"
    ));
    assert_eq!(advise(&exim).unwrap().copies, Some(Copies::PerMessage));
    let one = messages(&format!("{OUT}; x|To: {{}}@example.com"));
    assert_eq!(advise(&one).unwrap().copies, None);
}

#[test]
fn a_survey_has_bounds() {
    let directory = directory();
    let mut survey = Survey::new(&directory, "post.example.com", "pop.provider.example");
    let huge = HeaderBlock::read(format!("X: {}\r\n", "y".repeat(200_000)).as_bytes());
    let taken = (0..100).take_while(|_| survey.add(huge.clone())).count();
    assert_eq!(taken, OCTETS_MAX / huge.octets().len());
    let advice = survey.advise().unwrap();
    assert_eq!((advice.mode, advice.explained), (Mode::Guess, 0));
}
