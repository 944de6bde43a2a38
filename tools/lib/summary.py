#!/usr/bin/env python3
"""Adds up the test logs of build folders: names what failed or was skipped and why, then prints
"N passed, N failed, N skipped"; exits 1 if anything failed or nothing ran."""
import json
import pathlib
import sys


def results(folder):
    log = pathlib.Path(folder) / "meson-logs" / "testlog.json"
    if not log.exists():
        return
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def last_line(test):
    text = (test.get("stdout") or "") + (test.get("stderr") or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def main(folders):
    passed, failed, skipped = 0, 0, 0
    for folder in folders:
        for test in results(folder):
            name = f"{folder}: {test['name']}"
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif test["result"] == "SKIP":
                skipped += 1
                print(f"skipped {name}: {last_line(test)}")
            else:
                failed += 1
                print(f"failed {name}: {test['result']}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
