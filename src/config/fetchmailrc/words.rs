//! The words of a .fetchmailrc: which there are, and what stands behind each.

/// What stands behind an option's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing; `no` may stand before.
    Switch,
    Text,
    Number,
    /// `service`: a name or a port.
    TextOrNumber,
    /// Texts, at least one.
    List,
    /// Numbers, at least one; nothing of postroom wants to know them.
    Numbers,
    /// `envelope [COUNT] HEADER`, or `no envelope`.
    Envelope,
    /// `is`, `to`.
    Names,
}

pub(super) const GLOBAL: [(&str, Form); 12] = [
    ("bouncemail", Form::Switch),
    ("daemon", Form::Number),
    ("idfile", Form::Text),
    ("invisible", Form::Switch),
    ("logfile", Form::Text),
    ("pidfile", Form::Text),
    ("postmaster", Form::Text),
    ("properties", Form::Text),
    ("showdots", Form::Switch),
    ("softbounce", Form::Switch),
    ("spambounce", Form::Switch),
    ("syslog", Form::Switch),
];

pub(super) const OF_SERVER: [(&str, Form); 24] = [
    ("aka", Form::List),
    ("authenticate", Form::Text),
    ("bad-header", Form::Text),
    ("checkalias", Form::Switch),
    ("dns", Form::Switch),
    ("envelope", Form::Envelope),
    ("esmtpname", Form::Text),
    ("esmtppassword", Form::Text),
    ("idletimeout", Form::Number),
    ("interface", Form::Text),
    ("interval", Form::Number),
    ("localdomains", Form::List),
    ("monitor", Form::Text),
    ("plugin", Form::Text),
    ("plugout", Form::Text),
    ("port", Form::Number),
    ("principal", Form::Text),
    ("protocol", Form::Text),
    ("qvirtual", Form::Text),
    ("service", Form::TextOrNumber),
    ("timeout", Form::Number),
    ("tracepolls", Form::Switch),
    ("uidl", Form::Switch),
    ("via", Form::Text),
];

pub(super) const OF_USER: [(&str, Form); 47] = [
    ("antispam", Form::Numbers),
    ("batchlimit", Form::Number),
    ("bsmtp", Form::Text),
    ("dropdelivered", Form::Switch),
    ("dropstatus", Form::Switch),
    ("expunge", Form::Number),
    ("fastuidl", Form::Number),
    ("fetchall", Form::Switch),
    ("fetchdomains", Form::List),
    ("fetchlimit", Form::Number),
    ("fetchsizelimit", Form::Number),
    ("flush", Form::Switch),
    ("folder", Form::List),
    ("forcecr", Form::Switch),
    ("forceidle", Form::Switch),
    ("idle", Form::Switch),
    ("is", Form::Names),
    ("keep", Form::Switch),
    ("limit", Form::Number),
    ("limitflush", Form::Switch),
    ("lmtp", Form::Switch),
    ("mda", Form::Text),
    ("mimedecode", Form::Switch),
    ("moveto", Form::Text),
    ("pass8bits", Form::Switch),
    ("password", Form::Text),
    ("passwordfd", Form::Number),
    ("passwordfile", Form::Text),
    ("postconnect", Form::Text),
    ("preconnect", Form::Text),
    ("properties", Form::Text),
    ("rewrite", Form::Switch),
    ("smtpaddress", Form::Text),
    ("smtphost", Form::List),
    ("smtpname", Form::Text),
    ("ssl", Form::Switch),
    ("sslcert", Form::Text),
    ("sslcertck", Form::Switch),
    ("sslcertfile", Form::Text),
    ("sslcertpath", Form::Text),
    ("sslcommonname", Form::Text),
    ("sslfingerprint", Form::Text),
    ("sslkey", Form::Text),
    ("sslproto", Form::Text),
    ("stripcr", Form::Switch),
    ("to", Form::Names),
    ("warnings", Form::Number),
];

/// Words that are no options.
const OF_ENTRIES: [&str; 8] = [
    "set", "poll", "skip", "defaults", "user", "here", "there", "no",
];

/// Words with a second form.
const SHORT_FORMS: [(&str, &str); 14] = [
    ("server", "poll"),
    ("local", "localdomains"),
    ("proto", "protocol"),
    ("auth", "authenticate"),
    ("preauth", "authenticate"),
    ("preauthenticate", "authenticate"),
    ("username", "user"),
    ("pass", "password"),
    ("folders", "folder"),
    ("smtp", "smtphost"),
    ("pre", "preconnect"),
    ("post", "postconnect"),
    ("pass8", "pass8bits"),
    ("mimedec", "mimedecode"),
];

/// Words that make a file read like English.
pub(super) const NOISE: [&str; 5] = ["with", "and", "has", "wants", "options"];

/// The option of this word among these.
pub(super) fn form(options: &[(&'static str, Form)], word: &str) -> Option<(&'static str, Form)> {
    options.iter().find(|option| option.0 == word).copied()
}

/// The long form of a word; none if it is no word of the grammar.
pub(super) fn word_of(text: &str) -> Option<&'static str> {
    let forms = SHORT_FORMS.iter().find(|form| form.0 == text);
    let text = forms.map_or(text, |form| form.1);
    let options = GLOBAL.iter().chain(&OF_SERVER).chain(&OF_USER);
    let words = options.map(|option| option.0).chain(OF_ENTRIES);
    let mut words = words.filter(|word| *word == text);
    words.next()
}

/// `nokeep` is `no keep`.
pub(super) fn negated(text: &str) -> Option<&'static str> {
    text.strip_prefix("no").and_then(word_of)
}
