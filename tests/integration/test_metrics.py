"""docs/metrics.md lists every metric and no other."""

import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NAME = re.compile(r'"((?:coredns|kubeproxy|kubernetes|nameplane|process|rest_client)_[a-z0-9_]+)"')


def metrics_in_sources():
    names = set()
    for top in ("src", "plugins"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for file_name in files:
                if file_name.endswith((".cpp", ".hpp")):
                    with open(os.path.join(folder, file_name), encoding="utf-8") as file:
                        names.update(NAME.findall(file.read()))
    return names


def metrics_in_document():
    names = []
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as file:
        for line in file:
            row = re.match(r"\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \|", line)
            if row:
                names.append(row.group(1))
    return names


class Metrics(unittest.TestCase):
    maxDiff = None

    def test_the_document_and_the_sources_agree(self):
        sources = metrics_in_sources()
        self.assertGreater(len(sources), 5)
        self.assertEqual(sorted(metrics_in_document()), sorted(sources))


if __name__ == "__main__":
    unittest.main()
