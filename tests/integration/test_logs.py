"""docs/logs.md lists every event of the log and no other."""

import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EVENT = re.compile(r'NP_LOG_(DEBUG|INFO|WARNING|ERROR)\(\s*([^,)]*)')


def events_in_sources():
    """Event to the levels it is written with."""
    events = {}
    for top in ("src", "plugins"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if not name.endswith((".cpp", ".hpp")):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for (level, event) in EVENT.findall(file.read()):
                        if not re.fullmatch(r'"[a-z0-9_.]+"', event):
                            raise AssertionError("%s/%s: an event is no literal: %s"
                                                 % (folder, name, event))
                        events.setdefault(event.strip('"'), set()).add(level.lower())
    return events


def events_in_document():
    events = {}
    with open(os.path.join(ROOT, "docs", "logs.md"), encoding="utf-8") as file:
        for line in file:
            row = re.match(r"\| `([a-z0-9_.]+)` \| ([a-z, ]+) \|", line)
            if row:
                if row.group(1) in events:
                    raise AssertionError("%s stands twice" % row.group(1))
                events[row.group(1)] = set(row.group(2).split(", "))
    return events


class Logs(unittest.TestCase):
    maxDiff = None

    def test_the_document_and_the_sources_agree(self):
        sources = events_in_sources()
        self.assertGreater(len(sources), 5)
        self.assertEqual(events_in_document(), sources)


if __name__ == "__main__":
    unittest.main()
