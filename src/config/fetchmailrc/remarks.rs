//! What is not carried over, and why: in words, each with its line. Values are
//! not repeated where they may hold a secret, as a command may.

use super::convert::{Entry, list, text};
use super::entries::{Options, Verb};

/// Options that mean nothing here, by the reason.
const NEVER_REWRITTEN: &str = "a message's octets are never rewritten";
const OWN_MAILBOXES: &str = "mail goes into the hub's own mailboxes; nothing is handed on";
const NO_COMMANDS: &str = "postroom runs no command for it";
const WITHOUT_CERTIFICATE: &str = "postroom shows providers no certificate of its own";

const OF_USER: [(&str, &str); 33] = [
    ("antispam", "a message is kept, whatever is thought of it"),
    ("batchlimit", OWN_MAILBOXES),
    ("bsmtp", OWN_MAILBOXES),
    ("dropdelivered", NEVER_REWRITTEN),
    ("dropstatus", NEVER_REWRITTEN),
    (
        "expunge",
        "each message is removed only when it is committed here, so the rest of a cut session is safe",
    ),
    (
        "fastuidl",
        "the whole list of unique-ids is compared at each poll",
    ),
    (
        "fetchall",
        "what has come is known by its unique-id; what has not is fetched, read or not",
    ),
    (
        "fetchdomains",
        "it is for ODMR, which postroom does not speak",
    ),
    ("fetchsizelimit", "sizes are asked at once"),
    (
        "flush",
        "it removes mail that nobody may have fetched; postroom removes what it has, and nothing else",
    ),
    ("folder", "POP3 has one folder"),
    ("forcecr", NEVER_REWRITTEN),
    ("forceidle", "it is for IMAP"),
    ("idle", "it is for IMAP"),
    (
        "limitflush",
        "it removes large mail unread; postroom lets it lie and says so",
    ),
    ("lmtp", OWN_MAILBOXES),
    (
        "mda",
        "mail goes into the hub's own mailboxes; no command gets it",
    ),
    ("mimedecode", NEVER_REWRITTEN),
    ("moveto", "it is for IMAP"),
    ("pass8bits", NEVER_REWRITTEN),
    (
        "passwordfd",
        "write the password into the file that password_file names",
    ),
    ("postconnect", NO_COMMANDS),
    ("preconnect", NO_COMMANDS),
    ("properties", "fetchmail does not look at it either"),
    ("rewrite", NEVER_REWRITTEN),
    ("smtpaddress", OWN_MAILBOXES),
    ("smtphost", OWN_MAILBOXES),
    ("smtpname", OWN_MAILBOXES),
    ("sslcert", WITHOUT_CERTIFICATE),
    ("sslkey", WITHOUT_CERTIFICATE),
    ("stripcr", NEVER_REWRITTEN),
    (
        "warnings",
        "the addressee of a message that is too large hears of it once",
    ),
];

const OF_SERVER: [(&str, &str); 13] = [
    ("bad-header", "a message with a bad header is kept as it is"),
    (
        "checkalias",
        "no names are looked up: aka and trusted_hosts name the provider's hosts",
    ),
    (
        "dns",
        "no names are looked up: a domain is ours if domains in postroom.toml names it",
    ),
    ("esmtpname", OWN_MAILBOXES),
    ("esmtppassword", OWN_MAILBOXES),
    ("idletimeout", "it is for IMAP"),
    (
        "interface",
        "postroom polls whenever it is time; a poll without a network fails and is repeated",
    ),
    ("monitor", "postroom polls whenever it is time"),
    ("plugin", NO_COMMANDS),
    ("plugout", NO_COMMANDS),
    ("principal", "postroom does not speak Kerberos"),
    ("timeout", "waits have limits of their own"),
    (
        "tracepolls",
        "the Received line of the hub names the account",
    ),
];

const OF_GLOBALS: [(&str, &str); 10] = [
    (
        "bouncemail",
        "postroom writes to nobody about fetched mail, whatever becomes of it",
    ),
    (
        "idfile",
        "unique-ids are in the store. All that lies at the provider is new to it: what fetchmail left there comes once more",
    ),
    (
        "invisible",
        "the hub writes its Received line, for loops are found by it",
    ),
    ("logfile", "set file in [log] of postroom.toml"),
    ("pidfile", "systemd knows the hub"),
    ("properties", "fetchmail does not look at it either"),
    ("showdots", "nothing is drawn"),
    ("softbounce", "postroom never bounces fetched mail"),
    ("spambounce", "postroom never bounces fetched mail"),
    (
        "syslog",
        "the log goes to standard error, and so to the journal; or set file in [log]",
    ),
];

/// Of `set …`.
pub(super) fn of_globals(globals: &Options) -> Vec<String> {
    let mut remarks = listed(globals, &OF_GLOBALS);
    if let (Some(postmaster), Some(line)) = (globals.text("postmaster"), globals.line("postmaster"))
    {
        remarks.push(format!(
            "set postmaster {} (line {line}): mail whose recipient cannot be decided is unclaimed \
             here, and shown by \"postroom unclaimed list\"; who is told of it is set by \"postroom \
             alias set postmaster NAME\"",
            text(&postmaster)
        ));
    }
    remarks
}

/// Why there is no account to be had from an entry as it stands.
pub(super) fn why_inactive(entry: &Entry<'_>) -> Option<String> {
    let protocol = entry.protocol();
    match protocol.as_str() {
        "pop3" | "apop" | "auto" | "sdps" if entry.server.verb == Verb::Skip => {
            Some("skip: fetchmail asked this server only when it was named".to_string())
        }
        "pop3" | "apop" | "auto" | "sdps" => None,
        "imap" => Some(
            "protocol imap: postroom fetches by POP3. Most providers offer both; where yours does, \
             take the # away"
                .to_string(),
        ),
        "etrn" | "odmr" => Some(format!(
            "protocol {protocol}: there the provider sends the mail by SMTP, which postroom takes \
             without being asked"
        )),
        _ => Some(format!("protocol {}: postroom fetches by POP3", text(&protocol))),
    }
}

/// Of one mailbox.
pub(super) fn of_entry(entry: &Entry<'_>) -> Vec<String> {
    let mut remarks = listed(&entry.server.options, &OF_SERVER);
    remarks.extend(listed(&entry.user.options, &OF_USER));
    remarks.extend(of_protocol(entry));
    remarks.extend(of_tls(&entry.user.options));
    remarks.extend(of_password(entry));
    remarks.extend(of_names(entry));
    remarks
}

fn listed(options: &Options, table: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, why) in table {
        if let Some(line) = options.line(name) {
            let no = if options.is_off(name) { "no " } else { "" };
            found.push(format!("{no}{name} (line {line}): {why}"));
        }
    }
    found
}

fn of_protocol(entry: &Entry<'_>) -> Vec<String> {
    let options = &entry.server.options;
    let mut remarks = Vec::new();
    match entry.protocol().as_str() {
        "auto" => remarks.push(
            "no protocol: fetchmail tried IMAP first; that the server speaks POP3 is to be seen by \
             \"postroom check\""
                .to_string(),
        ),
        "sdps" => remarks.push(
            "protocol sdps: the envelope that Demon's servers told by *ENV is not asked for".to_string(),
        ),
        _ => {}
    }
    if options.is_off("uidl") {
        remarks.push("no uidl: unique-ids are used wherever the server has them".to_string());
    }
    let auth = options.text("authenticate").unwrap_or_default();
    let known = ["", "any", "password", "oauthbearer", "xoauth2"];
    if !known.contains(&auth.as_str()) {
        remarks.push(format!(
            "auth {}: postroom logs in by AUTH PLAIN, USER and PASS, APOP or XOAUTH2; the first that \
             the server offers is taken",
            text(&auth)
        ));
    }
    if let Some(service) = options.text("service")
        && !["pop3", "pop-3", "pop3s"].contains(&service.as_str())
        && service.parse::<u16>().is_err()
    {
        remarks.push(format!(
            "service {}: which port that is, /etc/services may know; set port",
            text(&service)
        ));
    }
    remarks
}

fn of_tls(options: &Options) -> Vec<String> {
    let mut remarks = Vec::new();
    if options.is_off("sslcertck") {
        remarks.push(
            "no sslcertck: postroom always checks the certificate. Where that fails, \"postroom \
             check\" says why; a certificate that no CA vouches for is pinned by fingerprint = …"
                .to_string(),
        );
    }
    if options.line("sslfingerprint").is_some() {
        remarks.push(
            "sslfingerprint: it is by MD5, and postroom pins by SHA-256; \"openssl s_client -connect \
             HOST:995 </dev/null | openssl x509 -noout -sha256 -fingerprint\" prints what to put into \
             fingerprint = …"
                .to_string(),
        );
    }
    if options.line("sslcertpath").is_some() {
        remarks.push(
            "sslcertpath: ca takes a file, not a folder; put the CA's certificate (PEM) into one, if \
             the system does not trust it anyway"
                .to_string(),
        );
    }
    if options.line("sslcommonname").is_some() {
        remarks.push(
            "sslcommonname: the certificate must have the name of host; take the name that it has, or \
             pin it by fingerprint = …"
                .to_string(),
        );
    }
    let exact = options.text("sslproto").unwrap_or_default().to_lowercase();
    if !["", "auto", "tls1.2+"].contains(&exact.as_str()) {
        remarks.push(format!(
            "sslproto {}: postroom speaks TLS 1.2 and later, the newest that both sides know",
            text(&exact)
        ));
    }
    remarks
}

fn of_password(entry: &Entry<'_>) -> Option<String> {
    let options = &entry.user.options;
    match options.octets("password") {
        Some(octets) if !crate::config::secrets::is_usable(octets) => Some(
            "password: it is empty or has more than one line, which POP3 cannot carry".to_string(),
        ),
        Some(_) => None,
        None => match options.text("passwordfile") {
            Some(file) => Some(format!("passwordfile: it was read from {}", text(&file))),
            None => Some(
                "no password in the file: fetchmail asked for it or took it from .netrc"
                    .to_string(),
            ),
        },
    }
}

/// Whose mail it is: what belongs into directory.toml.
fn of_names(entry: &Entry<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    let domains = entry.server.options.list("localdomains");
    if !domains.is_empty() {
        remarks.push(format!(
            "localdomains: domains in postroom.toml must name {}; a subdomain is no domain of yours \
             unless it is named too",
            list(&domains)
        ));
    }
    if !entry.user.is_multidrop() {
        return remarks;
    }
    if entry.server.options.line("qvirtual").is_some()
        && entry.server.options.text("envelope").is_none()
    {
        remarks.push(
            "qvirtual: a prefix stands only in an envelope header; none is named".to_string(),
        );
    }
    let mut users: Vec<String> = Vec::new();
    for (name, local) in &entry.user.local {
        match local {
            Some(local) if !local.eq_ignore_ascii_case(name) => remarks.push(format!(
                "{0} = {1}: in directory.toml put {0} into addresses of the user {1}, or make it an \
                 alias that leads to {1}",
                text(name),
                text(local),
            )),
            _ => users.push(text(name)),
        }
    }
    if !users.is_empty() {
        remarks.push(format!(
            "is, to: directory.toml must have the users or aliases {}",
            users.join(", ")
        ));
    }
    if entry.user.wildcard {
        remarks.push(
            "*: fetchmail passed any name on. Here a name is a user, an alias or an address in \
             directory.toml; other mail of your domains is unclaimed, or a user's by unknown_user in \
             [routing]"
                .to_string(),
        );
    } else {
        remarks.push(
            "without * fetchmail gave other names to the postmaster; here their mail is unclaimed"
                .to_string(),
        );
    }
    remarks
}
