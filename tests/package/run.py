#!/usr/bin/python3
"""Takes a package through its life in a Debian of the test's own: installed, used, upgraded, removed, purged.

    run.py --root FOLDER --package FILE --newer FILE      in a bare Debian, as root
    run.py --root FOLDER --to FOLDER --folder EMPTY …     an office that moves from one to another; with a provider
    run.py --folder EMPTY --package FILE --emulator qemu-aarch64-static     of another machine's package the program alone

Called by scripts/try-package in namespaces of its own (network, mounts, processes), which end with it.
"""

import argparse
import pathlib
import sys
import time
import traceback

import emulated
import life
import office
from debian_root import DebianRoot, Failure, switch_loopback_on
from provider import Provider


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ["root", "to", "folder", "package", "newer"]:
        arguments.add_argument(f"--{name}", type=pathlib.Path)
    arguments.add_argument("--emulator")
    chosen = arguments.parse_args()
    switch_loopback_on()
    if chosen.emulator:
        sys.exit(take(emulated.Office(chosen.folder, chosen.package, chosen.emulator), emulated.STEPS))
    root = DebianRoot(chosen.root)
    if not chosen.to:
        sys.exit(take(life.Office(root, chosen.package, chosen.newer), life.STEPS))
    with Provider(chosen.folder) as provider:
        both = root, DebianRoot(chosen.to)
        sys.exit(take(office.Office(*both, chosen.package, chosen.newer, provider), office.STEPS))


def take(subject, steps):
    """Through all steps; gives back the exit code."""
    passed = 0
    for step in steps:
        if not passes(subject, step):
            break
        passed += 1
    # What comes after a failure would only fail for what is missing.
    print(f"{passed} passed, {1 if passed < len(steps) else 0} failed, {max(0, len(steps) - passed - 1)} skipped")
    return 0 if passed == len(steps) else 1


def passes(subject, step):
    name = step.__name__.replace("_", " ")
    began = time.monotonic()
    try:
        step(subject)
    except Failure as failure:
        text = str(failure)
    except Exception:  # anything else breaks the step as well
        text = traceback.format_exc()
    else:
        print(f"pass  {name} ({time.monotonic() - began:.1f} s)", flush=True)
        return True
    print(f"FAIL  {name}\n      " + "\n      ".join([*text.splitlines(), "the hub's log:", *subject.log_end()]), flush=True)
    return False


if __name__ == "__main__":
    main()
