"""docs/from-coredns.md has a row for each known difference, and for nothing else."""

import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
import known

ROOT = pathlib.Path(__file__).resolve().parents[2]


def documented():
    text = (ROOT / "docs/from-coredns.md").read_text(encoding="utf-8")
    part = text.split("\n## Answers, compared one by one\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", part, re.M)
    return {name: [cell.strip() for cell in cells.split(" | ")] for (name, cells) in rows}


class Known(unittest.TestCase):
    def test_the_document_names_each_with_its_reason(self):
        found = documented()
        self.assertEqual(sorted(found), sorted({rule.name for rule in known.RULES} |
                                               {"malformed-messages"}))
        for (name, cells) in found.items():
            self.assertEqual((name, len(cells), all(cells)), (name, 3, True))


if __name__ == "__main__":
    unittest.main()
