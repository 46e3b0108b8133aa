#!/usr/bin/python3
"""Runs real mail programs against a hub: run.py [--binary target/debug/postroom] [WORD], only cases named with WORD.

Prints one line for each case. A program that is not installed is a failure: nothing is skipped in silence.
scripts/check calls it, and installs the programs.
"""

import argparse
import pathlib
import shutil
import sys
import time
import traceback

from cases import CASES
from office import Failure, Office
import incoming  # noqa: F401  (an import puts the cases of a file on the list, in this order)
import outgoing  # noqa: F401
import collectors  # noqa: F401
import terminal  # noqa: F401
import corpus
import policy  # noqa: F401
import monitoring  # noqa: F401
import files  # noqa: F401

PROGRAMS = ["swaks", "curl", "msmtp", "smtp-source", "fetchmail", "mpop", "getmail", "mutt"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, default="target/debug/postroom")
    arguments.add_argument("word", nargs="?", default="")
    chosen = arguments.parse_args()
    missing = [each for each in PROGRAMS if not shutil.which(each, path="/usr/bin:/bin:/usr/sbin:/sbin")]
    if missing:
        sys.exit(f"not installed: {' '.join(missing)} (scripts/install-packages check installs them)")
    cases = [(name, function) for name, function in CASES if chosen.word in name]
    if not corpus.FOLDER.is_dir():
        print("note  real mail: ../shared/mail/messages is not beside this repository; its cases do not run")
        cases = [(name, function) for name, function in cases if function.__module__ != "corpus"]
    began = time.monotonic()
    with Office(chosen.binary) as office:
        failed = [name for name, function in cases if not passes(office, name, function)]
        if not passes(office, "hub: gone within 5 s of SIGTERM, exit code 0", Office.stop):
            failed.append("SIGTERM")
    print(f"real mail programs: {time.monotonic() - began:.0f} s")
    print(f"{len(cases) + 1 - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def passes(office, name, function):
    began = time.monotonic()
    try:
        function(office)
    except Failure as failure:
        return report_failure(office, name, str(failure))
    except Exception:  # a case that breaks is a case that fails, and the others still run
        return report_failure(office, name, traceback.format_exc())
    print(f"pass  {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def report_failure(office, name, text):
    print(f"FAIL  {name}\n{indented(text)}\n      the hub's log ends:\n{indented(office.log_end(8))}", flush=True)
    return False


def indented(text):
    return "\n".join(f"      {line}" for line in text.splitlines())


if __name__ == "__main__":
    main()
