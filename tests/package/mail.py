"""Mail in by SMTP, mail out by POP3, with Python's own clients."""

import poplib
import smtplib
import socket
import ssl
import time

PATIENCE_S = 60


def send(subject, to, port=25):
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_S) as session:
        text = f"From: <me@elsewhere.example>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nGood morning.\r\n"
        session.sendmail("me@elsewhere.example", [to], text)


def collect(user, password, port=110, tls=None):
    """The subjects of what waits, which is then deleted here, in the order in which it came."""
    session = open_session(port, tls)
    try:
        session.user(user)
        session.pass_(password)
        count, _ = session.stat()
        subjects = []
        for number in range(1, count + 1):
            lines = session.retr(number)[1]
            subjects += [line[9:].decode() for line in lines if line.startswith(b"Subject: ")]
            session.dele(number)
        return subjects
    finally:
        session.quit()


def unique_ids(user, password):
    session = open_session(110, None)
    try:
        session.user(user)
        session.pass_(password)
        return [line.split()[1] for line in session.uidl()[1]]
    finally:
        session.quit()


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def open_session(port, tls):
    if tls is None:
        return poplib.POP3("127.0.0.1", port, timeout=PATIENCE_S)
    return poplib.POP3_SSL("localhost", port, timeout=PATIENCE_S, context=tls)


def trusting(certificate_authority):
    return ssl.create_default_context(cafile=str(certificate_authority))


def served_certificate(port=995):
    """The certificate that PCs are shown, as PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE_S)


def wait_for_certificate(pem):
    """Until the hub serves it: it looks at its files when they change."""
    deadline = time.monotonic() + PATIENCE_S
    while served_certificate().strip() != pem.strip():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
