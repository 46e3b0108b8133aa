//! What an import cannot carry over, and says.

use super::*;

#[test]
fn what_is_not_carried_over_is_said_with_its_line() {
    let rc = |server: &str, user: &str| {
        format!("poll p.example proto pop3\n{server}\nuser u pass x\n{user}")
    };
    for (server, user, expected) in [
        ("timeout 60", "", "timeout (line 2)"),
        (
            "interface \"eth0/1.2.3.4\" monitor eth0",
            "",
            "monitor (line 2)",
        ),
        (
            "plugin 'ssh %h' plugout x",
            "",
            "plugin (line 2): postroom runs no command",
        ),
        (
            "principal x esmtpname y esmtppassword SECRET",
            "",
            "esmtppassword (line 2)",
        ),
        (
            "bad-header accept tracepolls",
            "",
            "bad-header (line 2): a message with",
        ),
        (
            "checkalias dns",
            "",
            "checkalias (line 2): no names are looked up",
        ),
        ("nouidl", "", "no uidl: unique-ids are used"),
        ("uidl no checkalias", "", "no checkalias (line 2)"),
        (
            "auth cram-md5",
            "",
            "auth \"cram-md5\": postroom logs in by",
        ),
        ("auth ssh", "", "auth \"ssh\""),
        ("service mypop", "", "service \"mypop\": which port"),
        (
            "envelope 2 Delivered-To",
            "is *",
            "envelope 2: fetchmail skipped the first 2",
        ),
        (
            "qvirtual x-",
            "is *",
            "qvirtual: a prefix stands only in an envelope header",
        ),
        (
            "",
            "flush",
            "flush (line 4): it removes mail that nobody may have fetched",
        ),
        ("", "limitflush warnings 3600", "limitflush (line 4)"),
        (
            "",
            "mda '/usr/bin/procmail -d SECRET'",
            "mda (line 4): mail goes into",
        ),
        (
            "",
            "smtphost a b c smtpaddress x smtpname y",
            "smtphost (line 4)",
        ),
        ("", "antispam 571 550 501 bsmtp f lmtp", "antispam (line 4)"),
        (
            "",
            "preconnect 'sh SECRET' postconnect y",
            "preconnect (line 4): postroom runs no command",
        ),
        (
            "",
            "rewrite stripcr forcecr pass8bits dropstatus dropdelivered mimedecode",
            "mimedecode (line 4): a message's octets",
        ),
        ("", "no rewrite nopass8", "no pass8bits (line 4)"),
        (
            "",
            "idle folder INBOX a fetchdomains x",
            "folder (line 4): POP3 has one folder",
        ),
        (
            "",
            "batchlimit 10 expunge 1 fetchsizelimit 5 fastuidl 4",
            "expunge (line 4)",
        ),
        ("", "sslcert a sslkey b", "sslkey (line 4)"),
        ("", "no sslcertck", "no sslcertck: postroom always checks"),
        ("", "sslfingerprint 'AA:BB'", "sslfingerprint: it is by MD5"),
        (
            "",
            "sslcertpath /etc/ssl/certs",
            "sslcertpath: ca takes a file",
        ),
        (
            "",
            "sslcommonname x",
            "sslcommonname: the certificate must have",
        ),
        (
            "",
            "ssl sslproto SSL3",
            "sslproto \"ssl3\": postroom speaks",
        ),
        ("", "properties 'x'", "properties (line 4)"),
        (
            "",
            "is a b",
            "without * fetchmail gave other names to the postmaster",
        ),
    ] {
        let rc = rc(server, user);
        let said = comments(&rc);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!imported(&rc).contains("SECRET"), "{rc}");
    }
}

#[test]
fn what_is_no_account_for_postroom_is_printed_but_not_active() {
    for (rc, expected) in [
        (
            "skip a proto pop3 user u",
            "NOT ACTIVE. skip: fetchmail asked this server only",
        ),
        ("poll a proto imap user u ssl", "NOT ACTIVE. protocol imap"),
        (
            "poll a proto ETRN",
            "NOT ACTIVE. protocol etrn: there the provider sends",
        ),
        (
            "poll a proto odmr user u fetchdomains x.example",
            "protocol odmr",
        ),
        ("poll a proto kpop user u", "protocol \"kpop\""),
        ("poll a proto pop2 user u", "protocol \"pop2\""),
        (
            "poll a proto pop3 user u pass x poll b via A proto pop3 user u",
            "NOT ACTIVE. an entry above fetches this mailbox already",
        ),
    ] {
        let said = comments(rc);
        assert!(said.contains(expected), "{rc}: {said}");
    }
    assert!(comments("poll a user u ssl").contains("no protocol: fetchmail tried IMAP first"));
    assert!(comments("poll a proto sdps user u").contains("told by *ENV is not asked for"));
    assert!(comments("set syslog").contains("The file polls no server"));
}
