#!/usr/bin/python3
"""Fetches from real POP3 servers: run.py [--binary target/debug/postroom] [WORD], only cases named with WORD.

Dovecot, Courier and GNU Mailutils are the provider; fetchmail and getmail6 fetch the same mail beside the hub. Prints one
line for each case. scripts/check calls it, and installs the programs. It uses the office and the list of tests/clients.
"""

import argparse
import pathlib
import shutil
import sys
import time
import traceback

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "clients"))

from cases import CASES  # noqa: E402
from office import Failure  # noqa: E402
from fetching import FetchingOffice  # noqa: E402
from servers import Dovecot  # noqa: E402
import guests  # noqa: E402
import arriving  # noqa: E402, F401  (an import puts the cases of a file on the list, in this order)
import refusing  # noqa: E402, F401
import looking  # noqa: E402, F401
import corpus_fetched  # noqa: E402
import beside  # noqa: E402

PROGRAMS = ["dovecot", "openssl", "unshare", "fetchmail", "getmail"]


class Providers:
    """An office and the servers that its mail lies at: what each case gets."""

    def __init__(self, office):
        self.office = office
        self.dovecot = Dovecot(office)
        self.courier = guests.Courier(office)
        self.mailutils = guests.Mailutils(office)

    @property
    def all(self):
        return [self.dovecot, self.courier, self.mailutils]

    def __enter__(self):
        for each in self.all:
            each.__enter__()
        return self

    def __exit__(self, *_):
        for each in self.all:
            each.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, default="target/debug/postroom")
    arguments.add_argument("word", nargs="?", default="")
    chosen = arguments.parse_args()
    missing = [each for each in PROGRAMS if not shutil.which(each, path="/usr/bin:/bin:/usr/sbin:/sbin")] + guests.missing()
    if missing:
        sys.exit(f"not installed: {' '.join(missing)} (scripts/install-packages check installs them)")
    cases = [(name, function) for name, function in CASES if chosen.word in name]
    if not corpus_fetched.FOLDER.is_dir():
        print("note  real mail: ../shared/mail is not beside this repository; its cases do not run")
        cases = [(name, function) for name, function in cases if function.__module__ not in ("corpus_fetched", "beside")]
    began = time.monotonic()
    with FetchingOffice(chosen.binary) as office, Providers(office) as providers:
        failed = [name for name, function in cases if not passes(providers, name, function)]
    print(f"real POP3 servers: {time.monotonic() - began:.0f} s")
    print(f"{len(cases) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def passes(providers, name, function):
    began = time.monotonic()
    try:
        providers.office.anew()
        function(providers)
    except Failure as failure:
        return report_failure(name, str(failure))
    except Exception:  # a case that breaks is a case that fails, and the others still run
        return report_failure(name, traceback.format_exc())
    print(f"pass  {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def report_failure(name, text):
    lines = "\n".join(f"      {line}" for line in text.splitlines())
    print(f"FAIL  {name}\n{lines}", flush=True)
    return False


if __name__ == "__main__":
    main()
