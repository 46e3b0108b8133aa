"""What depends on where a peer stands: these cases run a hub of their own that takes the loopback for the world."""

import ssl

from cases import case
from mail import check, check_count, check_one, sample
from office import Office
from outgoing import curl, refused, session
from wire import Smtp, deliver, mailbox, stuffed

ELSEWHERE = '["192.0.2.0/24"]'


def in_the_world(office):
    return Office(office.binary, lan=ELSEWHERE)


@case("the world", "log-in without TLS is refused before the password, with [AUTH] and the reason; after STLS it works")
def world_plaintext_login(office):
    with in_the_world(office) as world:
        user, sent = world.user(), sample("world log-in")
        deliver(world, user, sent)
        opened = session(world)
        offered = opened.capa()
        check("USER" not in offered and "SASL" not in offered, f"log-in is offered without TLS: {offered}")
        said = refused(opened.user, user.name)
        check("[AUTH]" in said and "TLS" in said, f"USER without TLS was told: {said}")
        opened.stls(ssl.create_default_context(cafile=world.ca))
        check("USER" in opened.capa(), "log-in is not offered under TLS")
        opened.user(user.name)
        opened.pass_(user.password)
        check_count(range(opened.stat()[0]), 1)
        opened.quit()
        url = f"pop3://127.0.0.1:{world.pop3}/1"
        curl(world, url, user, expect=67)
        check(curl(world, url, user, "--ssl-reqd", "--cacert", world.ca).endswith(sent), "curl with STLS got other octets")


@case("the world", "a bare LF is refused with 550 and never ends the message")
def world_bare_line_feed(office):
    with in_the_world(office) as world:
        user, sent = world.user(), sample("world bare LF")
        smtp = Smtp(world)
        for smuggled in [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"]:
            smtp.envelope([user.address])
            smtp.command("DATA", "354")
            inner = b"MAIL FROM:<evil@out.example>\r\nRCPT TO:<" + user.address.encode() + b">\r\nDATA\r\nSubject: smuggled\r\n"
            smtp.socket.sendall(stuffed(sent) + b"end" + smuggled + inner + b"\r\n.\r\n")
            smtp.reply("550")
        smtp.data(sent, [user.address])
        smtp.close()
        opened = session(world)
        opened.stls(ssl.create_default_context(cafile=world.ca))
        opened.user(user.name)
        opened.pass_(user.password)
        check_one([b"".join(line + b"\r\n" for line in opened.retr(number + 1)[1]) for number in range(opened.stat()[0])], sent)
        opened.quit()


@case("the LAN", "MAIL FROM without brackets, as scanners and alarms write it, is taken")
def lan_without_brackets(office):
    user, sent = office.user(), sample("no brackets")
    smtp = Smtp(office, greeting="HELO scanner_2 (third floor)")
    smtp.command("MAIL FROM: scanner@out.example", "250")
    smtp.command(f"RCPT TO: {user.address}", "250")
    smtp.command("DATA", "354")
    smtp.socket.sendall(stuffed(sent) + b".\r\n")
    smtp.reply("250")
    smtp.close()
    trace = check_one(mailbox(office, user), sent)
    check(trace.sender == b"<scanner@out.example>", f"Return-Path is {trace.sender}")
    check(trace.received["name"] == b"[127.0.0.1]", f"a greeting that is no host name stands in the trace: {trace.line}")
    trace.check_protocol("SMTP")
