#!/usr/bin/python3
"""Fetches from real POP3 servers: run.py [--binary target/debug/postroom] [WORD], only cases named with WORD.

Dovecot, Courier and GNU Mailutils are the provider; fetchmail and getmail6 fetch the same mail beside the hub. Several
offices fetch at once, for some cases wait for seconds. Prints one line for each case. scripts/check calls it, and installs
the programs. It uses the office and the list of tests/clients.
"""

import argparse
import concurrent.futures
import contextlib
import pathlib
import queue
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
from refusing import SLOW  # noqa: E402
import looking  # noqa: E402, F401
import corpus_fetched  # noqa: E402
import leaving  # noqa: E402, F401
import beside  # noqa: E402

PROGRAMS = ["dovecot", "openssl", "unshare", "fetchmail", "getmail"]
OFFICES = 4


class Providers:
    """The servers, and an office whose mail lies at them: what each case gets."""

    def __init__(self, office, servers):
        self.office = office
        self.dovecot, self.courier, self.mailutils = servers


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, default="target/debug/postroom")
    arguments.add_argument("word", nargs="?", default="")
    chosen = arguments.parse_args()
    missing = [each for each in PROGRAMS if not shutil.which(each, path="/usr/bin:/bin:/usr/sbin:/sbin")] + guests.missing()
    if missing:
        sys.exit(f"not installed: {' '.join(missing)} (scripts/install-packages check installs them)")
    cases = [(name, function) for name, function in CASES if chosen.word in name]
    kinds = [Dovecot, guests.Courier, guests.Mailutils]
    if not guests.can_have_a_view_of_their_own():
        print("note  this system lets nobody make namespaces (unshare --user --mount), which Courier and Mailutils need here; "
              "their cases do not run")
        kinds[1:] = [guests.Absent, guests.Absent]
    if not corpus_fetched.FOLDER.is_dir():
        print("note  real mail: ../shared/mail is not beside this repository; its cases do not run")
        cases = [(name, function) for name, function in cases if function.__module__ not in ("corpus_fetched", "beside")]
    began = time.monotonic()
    # Those that wait begin first.
    cases.sort(key=lambda each: each[1] not in SLOW)
    with contextlib.ExitStack() as stack:
        offices = queue.Queue()
        found = [stack.enter_context(FetchingOffice(chosen.binary)) for _ in range(OFFICES)]
        servers = [stack.enter_context(kind(found[0])) for kind in kinds]
        for office in found:
            offices.put(Providers(office, servers))
        with concurrent.futures.ThreadPoolExecutor(OFFICES) as pool:
            passed = list(pool.map(lambda each: in_an_office(offices, *each), cases))
    print(f"real POP3 servers: {time.monotonic() - began:.0f} s")
    left_out = f", {passed.count(None)} left out" if None in passed else ""
    print(f"{passed.count(True)} passed, {passed.count(False)} failed{left_out}")
    sys.exit(1 if False in passed else 0)


def in_an_office(offices, name, function):
    providers = offices.get()
    try:
        return passes(providers, name, function)
    finally:
        offices.put(providers)


def passes(providers, name, function):
    began = time.monotonic()
    try:
        providers.office.anew()
        function(providers)
    except guests.NotHere:
        print(f"left out  {name}\n", end="", flush=True)
        return None
    except Failure as failure:
        return report_failure(name, str(failure))
    except Exception:  # a case that breaks is a case that fails, and the others still run
        return report_failure(name, traceback.format_exc())
    # In one piece, for others print at the same time.
    print(f"pass  {name} ({time.monotonic() - began:.1f} s)\n", end="", flush=True)
    return True


def report_failure(name, text):
    lines = "\n".join(f"      {line}" for line in text.splitlines())
    print(f"FAIL  {name}\n{lines}\n", end="", flush=True)
    return False


if __name__ == "__main__":
    main()
