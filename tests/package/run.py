#!/usr/bin/python3
"""Takes a package through its life in a Debian of the test's own: installed, used, upgraded, removed, purged.

    run.py --root FOLDER --package FILE --newer FILE      in a bare Debian, as root
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
from debian_root import DebianRoot, Failure, switch_loopback_on


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ["root", "folder", "package", "newer"]:
        arguments.add_argument(f"--{name}", type=pathlib.Path)
    arguments.add_argument("--emulator")
    chosen = arguments.parse_args()
    switch_loopback_on()
    if chosen.emulator:
        office = emulated.Office(chosen.folder, chosen.package, chosen.emulator)
        steps = emulated.STEPS
    else:
        office = life.Office(DebianRoot(chosen.root), chosen.package, chosen.newer)
        steps = life.STEPS
    passed = 0
    for step in steps:
        if not passes(office, step):
            break
        passed += 1
    # What comes after a failure would only fail for what is missing.
    print(f"{passed} passed, {1 if passed < len(steps) else 0} failed, {max(0, len(steps) - passed - 1)} skipped")
    sys.exit(0 if passed == len(steps) else 1)


def passes(office, step):
    name = step.__name__.replace("_", " ")
    began = time.monotonic()
    try:
        step(office)
    except Failure as failure:
        text = str(failure)
    except Exception:  # anything else breaks the step as well
        text = traceback.format_exc()
    else:
        print(f"pass  {name} ({time.monotonic() - began:.1f} s)", flush=True)
        return True
    print(f"FAIL  {name}\n      " + "\n      ".join([*text.splitlines(), "the hub's log:", *office.log_end()]), flush=True)
    return False


if __name__ == "__main__":
    main()
