//! The hub's own POP3 server as the provider: two machines, no wire between.

use std::collections::BTreeMap;
use std::time::Instant;

use super::hub::{receipt, settings};
use crate::fetch::{Ending, Session, Step, Task};
use crate::pop3;

/// The server's side: what it says to these octets.
fn serve(
    server: &mut pop3::Session,
    messages: &[Vec<u8>],
    open: &mut Vec<u8>,
    now: Instant,
) -> Vec<u8> {
    let mut said = Vec::new();
    loop {
        match server.next(now) {
            pop3::Step::NeedInput { .. } | pop3::Step::Close(_) => return said,
            pop3::Step::Send(octets) => said.extend_from_slice(octets),
            pop3::Step::LoginRequested(_) => server.maildrop_opened(messages.len() as u64, 0),
            pop3::Step::ListingRequested => {
                let mut listing = pop3::ScanListing::with_capacity(messages.len());
                for (at, message) in messages.iter().enumerate() {
                    listing
                        .push(message.len() as u64, &format!("id-{at}"))
                        .unwrap();
                }
                server.listing(listing);
            }
            pop3::Step::MessageRequested { index } => {
                *open = messages[index].clone();
                server.message_opened();
            }
            pop3::Step::ContentWanted if open.is_empty() => server.content_complete(),
            pop3::Step::ContentWanted => server.content(&std::mem::take(open)),
            pop3::Step::ContentEnough => open.clear(),
            pop3::Step::UpdateRequested(indexes) => {
                assert_eq!(indexes.len(), messages.len());
                server.updated();
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_client_and_the_server_of_this_house_understand_each_other() {
    let now = Instant::now();
    let messages: Vec<Vec<u8>> = (0..300)
        .map(|at| format!("Subject: {at}\r\n\r\n.\r\n..\r\ntext\r\n").into_bytes())
        .collect();
    let mut server = pop3::Session::new(
        pop3::Settings {
            hostname: "post.example.com".to_owned(),
            limits: pop3::Limits::default(),
            security: pop3::Security::Tls,
            plaintext_login: pop3::PlaintextLogin::Allowed,
        },
        now,
    );
    let mut client = Session::new(settings(), now);
    let mut open = Vec::new();
    let mut said = serve(&mut server, &messages, &mut open, now);
    let mut content = Vec::new();
    let mut fetched = BTreeMap::new();
    let ending = loop {
        match client.next(now) {
            Step::NeedInput { .. } => {
                assert!(!said.is_empty(), "both wait");
                client.receive(&std::mem::take(&mut said));
            }
            Step::Send(octets) => {
                server.receive(octets);
                said.extend(serve(&mut server, &messages, &mut open, now));
            }
            Step::Listed(listing) => {
                client.plan(listing.scans().map(|scan| Task::retrieve(&scan)).collect());
            }
            Step::ContentBegins { .. } => content.clear(),
            Step::Content(octets) => content.extend_from_slice(octets),
            Step::MessageComplete(arrived) => {
                fetched.insert(arrived.number(), content.clone());
                client.stored(arrived, &receipt());
            }
            Step::Close(ending) => break ending.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ending, Ending::Complete);
    assert_eq!(fetched.into_values().collect::<Vec<_>>(), messages);
    assert_eq!(client.summary().removed, 300);
    assert_eq!(
        client.capabilities().implementation.as_deref(),
        Some("postroom")
    );
}
