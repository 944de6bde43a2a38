#!/usr/bin/env python3
"""Files whose first line is "// hot path" run once a query: no heap, no lock, no streams. Each ban
says what to use instead."""
import pathlib
import re
import sys

BANS = [
    (r"\bnew\b(?!\s*\()", "the arena: arena.array<T>(n)"),
    (r"\b(malloc|calloc|realloc|strdup)\s*\(", "the arena"),
    (r"\bstd::(string|to_string|vector|deque|list)\b(?!_view)", "spans over the arena"),
    (r"\bpush_back\b|\bemplace_back\b", "a slot or an array of the arena"),
    (r"\bstd::function\b", "a template, or a pointer to an interface"),
    (r"\bstd::(unordered_)?(map|set|multimap)\b", "a table built once"),
    (r"\bstd::(o|i)?(string)?stream\b|\bstd::cout\b|\bstd::cerr\b", "a counter"),
    (r"\bstd::(shared_ptr|make_shared|make_unique)\b", "a reference that the caller keeps alive"),
    (r"\bstd::(mutex|lock_guard|unique_lock|scoped_lock|shared_mutex)\b",
     "WorkerLocal<T>, or Published<T>"),
    (r"\bNP_LOG_", "a counter"),
    (r"\bthrow\b", "Step, Rcode or a small enum"),
]


def code_of(line, in_block):
    """The line without comments and literals; whether a block comment goes on behind it."""
    out = []
    i = 0
    while i < len(line):
        if in_block:
            end = line.find("*/", i)
            if end < 0:
                return "".join(out), True
            i, in_block = end + 2, False
        elif line.startswith("//", i):
            break
        elif line.startswith("/*", i):
            i, in_block = i + 2, True
        elif line[i] in "\"'" and not (line[i] == "'" and i > 0 and line[i - 1].isalnum()):
            quote = line[i]
            i += 1
            while i < len(line) and line[i] != quote:
                i += 2 if line[i] == "\\" else 1
            i += 1
        else:
            out.append(line[i])
            i += 1
    return "".join(out), in_block


def check_text(path, text):
    lines = text.splitlines()
    if not lines or not lines[0].startswith("// hot path"):
        return None
    complaints = []
    in_block = False
    for number, line in enumerate(lines, 1):
        code, in_block = code_of(line, in_block)
        if code.lstrip().startswith("#include"):
            continue
        for pattern, instead in BANS:
            match = re.search(pattern, code)
            if match:
                complaints.append(
                    f"{path}:{number}: '{match.group(0)}' on the query path, use {instead}")
    return complaints


def main(root):
    root = pathlib.Path(root)
    complaints = []
    count = 0
    for top in ("include", "src", "plugins"):
        for path in sorted((root / top).rglob("*.[ch]pp")):
            found = check_text(path.relative_to(root).as_posix(), path.read_text("utf-8"))
            if found is not None:
                count += 1
                complaints += found
    print("\n".join(complaints) or f"{count} hot files keep off heap, locks and streams")
    return 1 if complaints or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
