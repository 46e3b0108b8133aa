"""Mail in by SMTP: swaks, curl, msmtp, Python's smtplib and Postfix's smtp-source."""

import re
import smtplib
import ssl

from cases import case
from mail import EIGHT_BIT, check, check_count, check_delivered, check_one, sample
from office import Failure
from wire import Smtp, mailbox

SENDER = "sender@out.example"


def swaks(office, user, content, *options, to=None):
    # swaks puts a line end of its own behind the file, so the file goes without its last one.
    message = office.file(f"{user.name}.eml", content.removesuffix(b"\r\n"))
    return office.run("swaks", "--server", f"127.0.0.1:{office.smtp}", "--ehlo", "pc.example", "--from", SENDER,
                      "--to", to or user.address, "--data", f"@{message}", *options)


@case("swaks", "plain")
def swaks_plain(office):
    user, sent = office.user(), sample("swaks plain")
    swaks(office, user, sent)
    trace = check_one(mailbox(office, user), sent)
    check(trace.sender == b"<sender@out.example>", f"Return-Path is {trace.sender}")
    check(trace.recipients == [user.address.encode()], f"Delivered-To names {trace.recipients}")
    check(trace.received["recipient"] == user.address.encode(), f"FOR should name the one recipient: {trace.line}")
    check(trace.received["name"] == b"pc.example" and trace.received["peer"] == b"127.0.0.1",
          f"FROM should name the greeting and the address of swaks: {trace.line}")
    trace.check_protocol("ESMTP")


@case("swaks", "STARTTLS, TLS 1.3, certificate verified")
def swaks_starttls(office):
    swaks_by_tls(office, "tlsv1_3", "TLSv1.3")


@case("swaks", "STARTTLS, TLS 1.2, certificate verified")
def swaks_starttls_12(office):
    swaks_by_tls(office, "tlsv1_2", "TLSv1.2")


def swaks_by_tls(office, protocol, named):
    user, sent = office.user(), sample(f"swaks {protocol}")
    swaks(office, user, sent, "--tls", "--tls-verify", "--tls-ca-path", office.ca, "--tls-protocol", protocol)
    trace = check_one(mailbox(office, user), sent)
    trace.check_protocol("ESMTPS", tls=named)


@case("swaks", "implicit TLS")
def swaks_tls_on_connect(office):
    user, sent = office.user(), sample("swaks implicit TLS")
    swaks(office, user, sent, "--tls-on-connect", "--tls-verify", "--tls-ca-path", office.ca,
          "--server", f"127.0.0.1:{office.smtps}")
    check_one(mailbox(office, user), sent).check_protocol("ESMTPS", tls="TLSv1.3")


@case("swaks", "pipelined")
def swaks_pipelined(office):
    user, sent = office.user(), sample("swaks pipelined")
    swaks(office, user, sent, "--pipeline")
    check_one(mailbox(office, user), sent)


@case("swaks", "HELO instead of EHLO")
def swaks_helo(office):
    user, sent = office.user(), sample("swaks HELO")
    swaks(office, user, sent, "--protocol", "SMTP")
    check_one(mailbox(office, user), sent).check_protocol("SMTP")


@case("swaks", "20 recipients, pipelined")
def swaks_many(office):
    users, sent = [office.user() for _ in range(20)], sample("swaks many")
    swaks(office, users[0], sent, "--pipeline", to=",".join(each.address for each in users))
    for user in users:
        trace = check_one(mailbox(office, user), sent)
        check(trace.received["recipient"] is None, f"FOR with several recipients: {trace.line}")
        check(trace.recipients == [user.address.encode()], f"Delivered-To names {trace.recipients}")


@case("swaks", "8-bit text and raw Latin-1")
def swaks_8bit(office):
    user, sent = office.user(), sample("swaks 8-bit", EIGHT_BIT)
    swaks(office, user, sent)
    check_one(mailbox(office, user), sent)


@case("swaks", "a foreign recipient is refused and told the way out")
def swaks_foreign(office):
    refused = office.run("swaks", "--server", f"127.0.0.1:{office.smtp}", "--from", SENDER, "--to", "kate@elsewhere.example",
                         expect=24)
    check(b"550 5.7.1" in refused and b"only receives for example.com" in refused, f"swaks saw: {refused.decode()}")


@case("swaks", "an unknown recipient is refused, the known one served")
def swaks_unknown(office):
    user, sent = office.user(), sample("swaks unknown")
    said = swaks(office, user, sent, to=f"nobody.such@example.com,{user.address}")
    check(b"550 5.1.1" in said, f"swaks saw: {said.decode()}")
    check_one(mailbox(office, user), sent)


def curl(office, url, user, sent, *options):
    message = office.file(f"{user.name}.eml", sent)
    office.run("curl", "--silent", "--show-error", "--max-time", 20, url, "--mail-from", SENDER,
               "--mail-rcpt", user.address, "--upload-file", message, *options)
    check_one(mailbox(office, user), sent)


@case("curl", "smtp://")
def curl_plain(office):
    curl(office, f"smtp://127.0.0.1:{office.smtp}/pc.example", office.user(), sample("curl plain"))


@case("curl", "smtp:// with --ssl-reqd, certificate verified by address")
def curl_starttls(office):
    curl(office, f"smtp://127.0.0.1:{office.smtp}/pc.example", office.user(), sample("curl STARTTLS"),
         "--ssl-reqd", "--cacert", office.ca)


@case("curl", "smtps://, certificate verified by name")
def curl_smtps(office):
    name = f"post.example.com:{office.smtps}"
    curl(office, f"smtps://{name}/pc.example", office.user(), sample("curl smtps"),
         "--resolve", f"{name}:127.0.0.1", "--cacert", office.ca)


@case("curl", "smtp:// with two recipients and 3 MB")
def curl_large(office):
    first, second = office.user(), office.user()
    sent = sample("curl large", b"0123456789abcdef" * 4 + b"\r\n" + (b"y" * 76 + b"\r\n") * 40_000)
    curl(office, f"smtp://127.0.0.1:{office.smtp}/pc.example", first, sent, "--mail-rcpt", second.address)
    check_one(mailbox(office, second), sent)


def msmtp(office, port, what, *options):
    user, sent = office.user(), sample(what)
    office.run("msmtp", "--file=/dev/null", "--host=localhost", f"--port={port}", f"--from={SENDER}",
               "--domain=pc.example", "--timeout=20", *options, user.address, stdin=sent.replace(b"\r\n", b"\n"))
    check_one(mailbox(office, user), sent)


@case("msmtp", "plain")
def msmtp_plain(office):
    msmtp(office, office.smtp, "msmtp plain", "--tls=off")


@case("msmtp", "STARTTLS, certificate verified")
def msmtp_starttls(office):
    msmtp(office, office.smtp, "msmtp STARTTLS", "--tls=on", "--tls-starttls=on", f"--tls-trust-file={office.ca}")


@case("msmtp", "implicit TLS, certificate verified")
def msmtp_tls(office):
    msmtp(office, office.smtps, "msmtp TLS", "--tls=on", "--tls-starttls=off", f"--tls-trust-file={office.ca}")


def smtplib_session(office):
    return smtplib.SMTP("127.0.0.1", office.smtp, local_hostname="pc.example", timeout=20)


@case("smtplib", "what EHLO offers")
def smtplib_ehlo(office):
    with smtplib_session(office) as session:
        session.ehlo()
        for extension in ["pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes", "chunking", "starttls",
                          "limits", "help"]:
            check(session.has_extn(extension), f"EHLO lacks {extension}: {session.ehlo_resp.decode()}")
        check("RCPTMAX=" in session.esmtp_features["limits"], f"LIMITS {session.esmtp_features['limits']}")
        check(session.verify("anna")[0] == 252, "VRFY is not answered 252")


@case("smtplib", "sendmail to several recipients, one of them unknown")
def smtplib_several(office):
    users, sent = [office.user() for _ in range(3)], sample("smtplib several")
    with smtplib_session(office) as session:
        refused = session.sendmail(SENDER, [*(each.address for each in users), "nobody.such@example.com"], sent)
    check(list(refused) == ["nobody.such@example.com"] and refused["nobody.such@example.com"][0] == 550, f"refused: {refused}")
    for user in users:
        check_one(mailbox(office, user), sent)


@case("smtplib", "STARTTLS with the host name verified, two messages in one session")
def smtplib_starttls(office):
    user, first, second = office.user(), sample("smtplib TLS one"), sample("smtplib TLS two")
    with smtplib_session(office) as session:
        session.starttls(context=ssl.create_default_context(cafile=office.ca))
        session.sendmail(SENDER, user.address, first)
        session.sendmail(SENDER, user.address, second)
    came = mailbox(office, user)
    check_count(came, 2)
    check_delivered(came[0], first)
    check_delivered(came[1], second)


@case("smtplib", "SMTPUTF8 with a sender in another script")
def smtplib_utf8(office):
    user, sent = office.user(), sample("smtplib SMTPUTF8").replace(b"office@example.com", "büro@example.com".encode())
    with smtplib_session(office) as session:
        session.sendmail("дмитрий@пример.example", user.address, sent, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    trace = check_one(mailbox(office, user), sent)
    trace.check_protocol("UTF8SMTP")
    check("дмитрий@".encode() in trace.sender, f"Return-Path is {trace.sender}")


@case("smtplib", "a subaddress, capitals and the null reverse-path")
def smtplib_spellings(office):
    user, sent = office.user(), sample("smtplib spellings")
    with smtplib_session(office) as session:
        session.sendmail("", f"{user.name.upper()}+lists@EXAMPLE.com", sent)
    trace = check_one(mailbox(office, user), sent)
    check(trace.sender == b"<>", f"Return-Path is {trace.sender}")


@case("SMTP by hand", "BDAT in three chunks, pipelined, cut inside CRLF and before a dot")
def bdat_chunks(office):
    user, sent = office.user(), sample("BDAT chunks")
    cut = sent.index(b"\r\n.\r\n") + 1
    session = Smtp(office)
    session.bdat([sent[:cut], sent[cut:cut + 1], sent[cut + 1:]], [user.address])
    session.close()
    check_one(mailbox(office, user), sent)


@case("SMTP by hand", "BDAT of a message whose last line has no end")
def bdat_unfinished(office):
    user, sent = office.user(), sample("BDAT unfinished", "no end of line")
    session = Smtp(office)
    session.bdat([sent], [user.address])
    session.close()
    # POP3 ends every line, so CRLF is put behind what was sent; the store keeps it without.
    check_one(mailbox(office, user), sent + b"\r\n")


@case("SMTP by hand", "NUL octets and a line of 100,000 octets")
def nul_octets(office):
    user, sent = office.user(), sample("NUL", b"before\0after\r\n" + b"z" * 100_000 + b"\r\n")
    session = Smtp(office)
    session.data(sent, [user.address])
    session.close()
    check_one(mailbox(office, user), sent)


@case("SMTP by hand", "a bare LF from the LAN becomes CRLF")
def lan_bare_line_feed(office):
    user, sent = office.user(), sample("bare LF")
    session = Smtp(office)
    session.data(sent.replace(b"trailing blanks  \t\r\n", b"trailing blanks  \t\n"), [user.address])
    session.close()
    check_one(mailbox(office, user), sent)


@case("SMTP by hand", "100 Received lines are a loop")
def received_loop(office):
    user, line = office.user(), b"Received: from a.example by b.example; Mon, 2 Nov 2026 10:00:00 +0100\r\n"
    session = Smtp(office)
    session.data(line * 100 + b"Subject: loop\r\n\r\nround and round\r\n", [user.address], expected="554 5.4.6")
    session.data(line * 99 + b"Subject: no loop\r\n\r\nhere\r\n", [user.address])
    session.close()
    check_count(mailbox(office, user), 1)


@case("smtp-source", "60 messages of 4 KB by 6 sessions at once")
def smtp_source(office):
    user = office.user()
    office.run("smtp-source", "-s", 6, "-m", 60, "-l", 4096, "-f", SENDER, "-t", user.address, f"127.0.0.1:{office.smtp}")
    came = mailbox(office, user)
    check_count(came, 60)
    ids = set()
    for message in came:
        body = message.partition(b"\r\n\r\n")[2]
        if not re.fullmatch(rb"(?:[0-9]*X+\r\n)+", body):
            raise Failure(f"smtp-source writes lines of a digit and X, but {body[:200]!r} came")
        ids.add(re.search(rb"(?im)^Message-Id: (.*)\r$", message)[1])
    check_count(ids, 60)
