//! Every way to say no: the driver's first, then the session's own.

use std::borrow::Cow;
use std::fmt;

use crate::mail::{Domain, Recipient};
use crate::wire::{LineFault, LineFaultKind};

use super::reply::Reply;

/// More domains than this are counted, not named.
const DOMAINS_NAMED_MAX: usize = 5;

/// A reply that says no, for a while (4xx) or for good (5xx): the only kind
/// that is not made by the session itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Reply);

impl Refusal {
    fn new(code: u16, subject: u8, detail: u8, text: impl Into<Cow<'static, str>>) -> Refusal {
        debug_assert!((400..600).contains(&code));
        Refusal(Reply::coded(code, subject, detail, text))
    }

    /// Whether the same would be refused again (5xx).
    pub fn is_permanent(&self) -> bool {
        self.0.code() >= 500
    }

    /// 550 5.1.1: nobody has this address.
    pub fn user_unknown(recipient: &Recipient) -> Refusal {
        Refusal::new(550, 1, 1, format!("there is no {recipient} here"))
    }

    /// 550 5.2.1: the administrator takes no mail for this address.
    pub fn address_closed(recipient: &Recipient) -> Refusal {
        Refusal::new(550, 2, 1, format!("{recipient} takes no mail"))
    }

    /// 450 4.2.1: the address was there within the last hour; should its
    /// removal have been a slip, no mail is lost.
    pub fn recently_gone(recipient: &Recipient) -> Refusal {
        let text = format!("{recipient} is not available now, try again later");
        Refusal::new(450, 2, 1, text)
    }

    /// 550 5.7.1: the domain is not ours, and this hub relays for nobody. Named
    /// are the way out and the domains that are received for.
    pub fn foreign_domain(ours: &[Domain]) -> Refusal {
        let named = ours.get(..DOMAINS_NAMED_MAX).unwrap_or(ours);
        let names: Vec<&str> = named.iter().map(Domain::as_str).collect();
        let mut domains = names.join(", ");
        let others = ours.len() - named.len();
        if others > 0 {
            domains.push_str(&format!(" and {others} more"));
        }
        let text = format!(
            "this hub only receives for {domains}; set the outgoing server to your provider's"
        );
        Refusal::new(550, 7, 1, text)
    }

    /// 452 4.3.1: the disk is nearly full.
    pub fn storage_short() -> Refusal {
        Refusal::new(452, 3, 1, "no room for mail now, try again later")
    }

    /// 452 4.5.3: those before it stay, and this one is named again later (RFC
    /// 5321 §4.5.3.1.10).
    pub fn recipients_crowded() -> Refusal {
        let text = "no room for more recipients now, send to those before and come again";
        Refusal::new(452, 5, 3, text)
    }

    /// 451 4.3.0: the store failed; the log says why.
    pub fn store_failed() -> Refusal {
        let text = "the message could not be kept, try again later";
        Refusal::new(451, 3, 0, text)
    }

    /// 421 4.3.2: nothing more in this session, which ends behind it.
    pub fn busy() -> Refusal {
        Refusal::new(421, 3, 2, "too busy, try again later")
    }

    /// The reply code.
    pub fn code(&self) -> u16 {
        self.0.code()
    }
}

/// The code, the enhanced status code and the text, in one line.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Reply {
        refusal.0
    }
}

/// What the session itself refuses.
impl Refusal {
    pub(super) fn unknown_command() -> Refusal {
        Refusal::new(500, 5, 2, "unknown command; HELP lists those there are")
    }

    pub(super) fn line_too_long(octets_max: usize) -> Refusal {
        let text = format!("line too long: a command has at most {octets_max} octets");
        Refusal::new(500, 5, 2, text)
    }

    pub(super) fn control_octet() -> Refusal {
        let text = "a command line has a control character (a lone CR, a NUL or the like) in it";
        Refusal::new(500, 5, 2, text)
    }

    pub(super) fn bare_line_feed_command() -> Refusal {
        let text = "the line ends in LF alone; lines end in CR LF (RFC 5321 2.3.8)";
        Refusal::new(500, 5, 2, text)
    }

    pub(super) fn web_request() -> Refusal {
        Refusal::new(421, 7, 0, "this is a mail server, not a web server")
    }

    pub(super) fn usage(usage: &'static str) -> Refusal {
        Refusal::new(501, 5, 4, format!("write it so: {usage}"))
    }

    pub(super) fn chunk_size() -> Refusal {
        let text = "BDAT without a size that can be read: where its octets end is not known, \
                    so the session ends here";
        Refusal::new(501, 5, 4, text)
    }

    pub(super) fn sender_syntax(why: impl fmt::Display) -> Refusal {
        Refusal::new(501, 1, 7, format!("the sender is no address: {why}"))
    }

    pub(super) fn recipient_syntax(why: impl fmt::Display) -> Refusal {
        Refusal::new(501, 1, 3, format!("the recipient is no address: {why}"))
    }

    pub(super) fn address_needs_utf8() -> Refusal {
        let text = "an address has letters beyond ASCII, which need SMTPUTF8 and UTF-8";
        Refusal::new(553, 6, 7, text)
    }

    pub(super) fn parameter_unknown() -> Refusal {
        let text = "unknown parameter; EHLO lists the extensions there are";
        Refusal::new(555, 5, 4, text)
    }

    pub(super) fn parameter_syntax(name: &'static str) -> Refusal {
        let text = format!("the parameter {name} has no such value, or stands twice");
        Refusal::new(501, 5, 4, text)
    }

    pub(super) fn binary_mime() -> Refusal {
        let text = "BODY=BINARYMIME is not offered; use 8BITMIME";
        Refusal::new(504, 5, 4, text)
    }

    pub(super) fn too_large(octets_max: u64) -> Refusal {
        let text = format!("the message is too large: at most {octets_max} octets are taken");
        Refusal::new(552, 3, 4, text)
    }

    pub(super) fn too_many_recipients(recipients_max: usize) -> Refusal {
        let text = format!(
            "no more recipients in this transaction (at most {recipients_max}); \
             send the message to the others in another one"
        );
        Refusal::new(452, 5, 3, text)
    }

    pub(super) fn line_fault(fault: LineFault) -> Refusal {
        let found = match fault.kind {
            LineFaultKind::BareLineFeed => "LF without CR",
            LineFaultKind::BareCarriageReturn => "CR without LF",
        };
        let text = format!(
            "line {} of the message has {found}; lines end in CR LF (RFC 5321 2.3.8)",
            fault.line
        );
        Refusal::new(550, 6, 0, text)
    }

    pub(super) fn loops(received: usize, by_us: usize) -> Refusal {
        let text = format!(
            "the message runs in a loop: {received} Received lines, {by_us} of them from here"
        );
        Refusal::new(554, 4, 6, text)
    }

    pub(super) fn out_of_order(text: &'static str) -> Refusal {
        Refusal::new(503, 5, 1, text)
    }

    pub(super) fn no_recipients() -> Refusal {
        Refusal::new(554, 5, 1, "no recipient was accepted")
    }

    pub(super) fn not_offered(text: &'static str) -> Refusal {
        Refusal::new(502, 5, 1, text)
    }

    pub(super) fn timed_out(hostname: &str) -> Refusal {
        let text = format!("{hostname} has waited too long and closes");
        Refusal::new(421, 4, 2, text)
    }

    pub(super) fn shutting_down(hostname: &str) -> Refusal {
        let text = format!("{hostname} is going down, try again later");
        Refusal::new(421, 3, 2, text)
    }

    pub(super) fn enough(hostname: &str, of_what: &'static str) -> Refusal {
        let text = format!("{hostname}: too many {of_what} in one session; connect again");
        Refusal::new(421, 7, 0, text)
    }
}
