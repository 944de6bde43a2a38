#!/usr/bin/env python3
"""Shell scripts run under `pipefail`: a reader that leaves early makes its writer die of SIGPIPE, now
and then, and with it the script; behind a `!` it even makes a failed check pass."""
import pathlib
import re
import sys

EARLY = re.compile(r"(?<!\|)\|(?!\|)\s*(grep\s+(-\w*[qm]|-\w+\s+-\w*[qm])|head\b|awk\b.*\bexit\b|sed\b.*\bq\b)")
QUOTED = re.compile(r'"(\\.|[^"\\$]|\$(?!\())*"')  # without $(...), which is of this shell


def check_text(path, text):
    complaints = []
    for number, line in enumerate(text.splitlines(), 1):
        match = EARLY.search(QUOTED.sub('""', line))
        if match and not line.lstrip().startswith("#"):
            complaints.append(f"{path}:{number}: '{match.group(0)[:30]}' may leave before it has read "
                              "all, use a here-string or read to the end")
    return complaints


def main(root):
    root = pathlib.Path(root)
    scripts = [path for top in ("tools", "bench", ".ci") for path in sorted((root / top).rglob("*"))
               if path.is_file() and (path.suffix == ".sh" or path.read_bytes()[:64].startswith(
                   (b"#!/usr/bin/env bash", b"#!/bin/bash", b"#!/bin/sh")))]
    complaints = []
    for path in scripts:
        complaints += check_text(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    print("\n".join(complaints) or f"{len(scripts)} scripts read their pipes to the end")
    return 1 if complaints or not scripts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
