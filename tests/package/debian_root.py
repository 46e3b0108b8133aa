"""A Debian in a folder, which programs run in by chroot; its network is that of the test's own namespace."""

import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess

# An emulator takes ten times as long.
COMMAND_WITHIN_S = 300
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Failure(Exception):
    """Something is not as the test's step says."""


def check(holds, what):
    if not holds:
        raise Failure(what)


class DebianRoot:
    def __init__(self, folder):
        self.folder = folder
        subprocess.run(["mount", "-t", "proc", "proc", self.folder / "proc"], check=True)
        (self.folder / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        # What packages look for before they speak to systemd.
        (self.folder / "run/systemd/system").mkdir(parents=True)
        shutil.copy(pathlib.Path(__file__).parent / "service-manager", self.folder / "usr/bin/systemctl")

    def path(self, path):
        """The path, seen from outside of the root."""
        return self.folder / path.lstrip("/")

    def run(self, *command, expected=0, stdin=None, **environment):
        """What the command prints on both its outputs, in one text. Its standard input is closed, or `stdin`."""
        source = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            ["chroot", self.folder, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_WITHIN_S,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **environment},
            **source,
        )
        said = f"{' '.join(command)}: exit code {done.returncode}, expected {expected}; it printed:\n{done.stdout}"
        check(done.returncode == expected, said)
        return done.stdout

    def install(self, package):
        """As a person does who answers nothing: no question may come."""
        shutil.copy(package, self.path("/root/postroom.deb"))
        return self.run("apt-get", "install", "--reinstall", "--allow-downgrades", "/root/postroom.deb")

    def move_to(self, other, path):
        """Carries a folder to another root, as on a stick."""
        shutil.move(self.path(path), other.path(path))

    def pid(self):
        """Of the running hub; none where none runs."""
        file = self.path("/run/service-manager/postroom.service.pid")
        if self.is_active():
            return int(file.read_text())
        return None

    def is_active(self):
        try:
            self.run("systemctl", "is-active", "postroom")
        except Failure:
            return False
        return True

    def edit(self, path, old, new):
        """Changes a file in place, as an editor does."""
        file = self.path(path)
        text = file.read_text()
        check(old in text, f"{path} does not contain {old!r}")
        file.write_text(text.replace(old, new, 1))

    def owner_and_mode(self, path):
        """As `stat` in the root names them."""
        return self.run("stat", "--format=%U:%G %a", path).strip()

    def everything(self):
        """All paths but those where Debian's own tools keep their accounts, and the processes."""
        own = re.compile(r"/(proc|sys|dev|tmp|root|run/service-manager|var/(cache|log|lib/(dpkg|apt)))(/|$)|/etc/.*-$")
        found = set()
        for folder, folders, files in os.walk(self.folder):
            below = "/" + os.path.relpath(folder, self.folder)
            below = "/" if below == "/." else below + "/"
            folders[:] = [name for name in folders if not own.match(below + name)]
            found |= {below + name for name in [*folders, *files] if not own.match(below + name)}
        return found


def switch_loopback_on():
    """127.0.0.1 and ::1 in a new network namespace."""
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, siocgifflags, asked))[1]
        fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sH14x", b"lo", flags | iff_up))
