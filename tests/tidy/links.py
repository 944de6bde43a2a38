#!/usr/bin/env python3
"""Links of Markdown files lead somewhere: to a file of the tree, and to a heading of it where they name one. So do paths of
the tree that stand between backticks. Addresses on the web are not followed."""
import os
import pathlib
import re
import sys

FENCE = re.compile(r"^[ ]*```.*?^[ ]*```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:bench|config|deploy|docs|fuzz|include|plugins|src|tests|tools)/[\w./-]+)`")


def anchors(text):
    """The names that GitHub gives to headings."""
    def name_of(heading):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().strip()
        return re.sub(r"[^\w -]", "", plain).replace(" ", "-")
    return {name_of(heading) for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M)}


def check_text(path, text, root):
    """What is wrong in the text of the file at `path`."""
    text = FENCE.sub("", text)
    for link in LINK.findall(text):
        if "://" in link:
            continue
        (file, _, anchor) = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists():
            yield f"{path}: {link}: no such file"
        elif anchor and anchor not in anchors(target.read_text("utf-8")):
            yield f"{path}: {link}: no such heading"
    for name in PATH.findall(text):
        if not (root / name).exists() and not list(root.glob(name + ".*")):
            yield f"{path}: `{name}`: no such file"


def pages(root):
    """All Markdown files but those in folders that are made."""
    for (folder, inner, files) in os.walk(root):
        inner[:] = [name for name in inner if name not in ("build", ".cache", ".git")]
        yield from (pathlib.Path(folder) / name for name in files if name.endswith(".md"))


def main(root):
    root = pathlib.Path(root)
    files = sorted(pages(root))
    complaints = [line for file in files for line in check_text(file, file.read_text("utf-8"), root)]
    print("\n".join(complaints) or f"{len(files)} files with no dead link")
    return 1 if complaints or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
