//! PCs that leave their mail on the server, as most do: each poll asks for both
//! lists and compares them with what the PC has.

use crate::pop3::{list, repeat_for};
use crate::{Outcome, Plan};

use super::comparison::Comparison;
use super::mailboxes::{LARGE, Mailboxes, USUAL, USUAL_MESSAGES, names};
use super::rates::{CLIENTS, Limits, Rates, compare, thousands};

/// On mailboxes that Dovecot's index and our memory of log-ins know.
pub fn measure(mailboxes: &Mailboxes, plan: &Plan, comparison: &mut Comparison) -> Outcome<()> {
    let kinds = [(USUAL, USUAL_MESSAGES), (LARGE, plan.large_mailbox)];
    let (default, tuned) = (&mailboxes.default, &mailboxes.tuned);
    let pop3 = mailboxes.pop3()?;
    let servers = [
        (default.process(), &default.pop3),
        (tuned.process(), &tuned.pop3),
        (mailboxes.process(), &pop3),
    ];
    for (kind, messages) in kinds {
        let users = names(kind);
        let mut rates: [Rates; 3] = Default::default();
        for _ in 0..plan.works {
            for ((server, door), rates) in servers.iter().zip(&mut rates) {
                let time = plan.rate_time;
                let session = |user: &String| repeat_for(time, || list(door, user));
                rates.measure(*server, &users, session)?;
            }
        }
        let messages = thousands(messages);
        let work = format!("… with STAT, LIST and UIDL, {CLIENTS} clients, {messages} messages");
        let [default, tuned, postroom] = &rates;
        for peer in [("Dovecot", default), ("Dovecot tuned", tuned)] {
            let limits = Limits {
                rate: "target: ≥ 3 ×".to_string(),
                cpu: String::new(),
            };
            compare(comparison, &work, peer, postroom, limits);
        }
    }
    Ok(())
}
