#!/usr/bin/env python3
"""Adds up the test logs of build folders: shows the end of what each failed test said, names what failed or was
skipped and why, then prints "N passed, N failed, N skipped"; exits 1 if anything failed or nothing ran.

A test that failed and then passed alone counts as passed, and is named with what it said the first time.
With --again FOLDER it prints, a line each, the tests that deserve to be run alone."""
import json
import pathlib
import re
import sys

# Suites whose tests start programs, and wait for them and for the kernel.
PATIENT = {"cluster", "demo", "integration", "kernel", "peers", "plugins"}
# These say that the program is wrong, however busy the machine was.
CERTAIN = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")
MOST_AGAIN = 3


def results(folder, logbase="testlog"):
    log = pathlib.Path(folder) / "meson-logs" / (logbase + ".json")
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


def failed(test):
    return test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP")


def deserves_another(test):
    (suite, _, _) = test["name"].partition(" / ")
    return suite.rpartition(":")[2] in PATIENT and not any(
        CERTAIN.search(test.get(stream) or "") for stream in ("stdout", "stderr"))


def to_run_again(folder):
    """None if one of the failures is certain, or if they are so many that no moment of bad luck explains them."""
    tests = [test for test in results(folder) if failed(test)]
    if len(tests) > MOST_AGAIN or not all(deserves_another(test) for test in tests):
        return []
    return [test["name"].rpartition(" / ")[2] for test in tests]


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
    shown = []
    for folder in folders:
        passed_alone = {test["name"] for test in results(folder, "again") if not failed(test)}
        for test in results(folder):
            name = f"{folder}: {test['name']}"
            if test["result"] == "SKIP":
                skipped += 1
                remarks.append(f"skipped {name}: {last_line(test)}")
            elif not failed(test):
                passed += 1
            else:
                shown.append((name, test))
                if test["name"] in passed_alone:
                    passed += 1
                    remarks.append(f"passed only when run alone {name}")
                else:
                    failures.append(name)
                    remarks.append(f"failed {name}: {test['result']}")
    show_ends(shown)
    for remark in remarks:
        print(remark)
    print(f"{passed} passed, {len(failures)} failed, {skipped} skipped")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--again"]:
        for line in to_run_again(sys.argv[2]):
            print(line)
        sys.exit()
    sys.exit(main(sys.argv[1:]))
