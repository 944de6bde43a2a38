#!/usr/bin/env python3
"""Adds up the test logs of build folders: shows the end of what each failed test said, names what failed or was
skipped and why, then prints "N passed, N failed, N skipped"; exits 1 if anything failed or nothing ran."""
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


def lines_of(test, stream):
    return [line.rstrip() for line in (test.get(stream) or "").splitlines() if line.strip()]


def last_line(test):
    return (lines_of(test, "stderr") or lines_of(test, "stdout") or ["no reason given"])[-1].strip()


def end_of(test, most):
    """Of both streams: a log on one must not push out what the other says of the failure."""
    (out, err) = (lines_of(test, "stdout"), lines_of(test, "stderr"))
    err_most = max(most // 2, most - len(out))
    err = err[-err_most:]
    return out[-(most - len(err)):] + err if len(err) < most else err


def show_ends(failures):
    """So that whoever has nothing but the end of the output sees why: some lines of each, fewer of many."""
    most = max(10, 100 // max(len(failures), 1))
    for name, test in failures[:10]:
        print(f"-- {name} ended with")
        for line in end_of(test, most):
            print(f"   {line[:300]}")


def main(folders):
    passed, skipped = 0, 0
    failures, remarks = [], []
    for folder in folders:
        for test in results(folder):
            name = f"{folder}: {test['name']}"
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif test["result"] == "SKIP":
                skipped += 1
                remarks.append(f"skipped {name}: {last_line(test)}")
            else:
                failures.append((name, test))
                remarks.append(f"failed {name}: {test['result']}")
    show_ends(failures)
    for remark in remarks:
        print(remark)
    print(f"{passed} passed, {len(failures)} failed, {skipped} skipped")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
