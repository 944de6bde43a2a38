#!/usr/bin/env python3
"""Examples in README.md, docs/, deploy/ and plugins/*/README.md are run, so that none goes stale.

    ```toml            a configuration: `nameplane check` must accept it
    ```toml fragment   plugin tables: put into a server block first, then the same
    ```sh              lines that begin with `nameplane`: run in the source folder, must exit 0
                       (`nameplane` alone runs for ever, and with --kubeconfig it wants a cluster:
                       these are only checked for their options); lines that begin with anything else must name a file of the
                       tree or a known tool
"""
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```", re.M | re.S)
TOOLS = {".", "dig", "kdig", "curl", "iptables-legacy-save", "iptables-save", "conntrack", "ip", "kill",
         "sudo", "meson", "ninja", "git", "cd", "docker", "dnsperf", "kubectl", "perf", "python3", "systemctl"}
SUBCOMMANDS = {"check", "render"}


def run(arguments, root):
    return subprocess.run(arguments, cwd=root, capture_output=True, text=True, timeout=60,
                          check=False)


def check_toml(text, fragment, binary, root):
    if fragment:
        text = '[[server]]\nzones = ["cluster.local"]\n' + text
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        done = run([binary, "check", file.name], root)
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()


def check_shell_line(line, binary, root):
    words = shlex.split(line.split(" | ")[0].split(" > ")[0], comments=True)
    if not words:
        return None
    if words[0] == "sudo":
        words = words[1:]
    if words[0] == "nameplane":
        command = [word for word in words[1:2] if word in SUBCOMMANDS]
        if command and "--kubeconfig" not in words:
            done = run([binary, *words[1:]], root)
            return None if done.returncode == 0 else (done.stdout + done.stderr).strip()
        options = set(re.findall(r"--[a-z-]+", run([binary, *command, "--help"], root).stdout))
        unknown = [w for w in words[1:] if w.startswith("--") and w.split("=")[0] not in options]
        return f"no such option: {unknown}" if unknown else None
    if words[0] in TOOLS or "=" in words[0] or (root / words[0]).is_file():
        return None
    if words[0].startswith("build/"):
        return None
    return f"neither a known tool nor a file: {words[0]}"


def check_file(path, binary, root):
    complaints, count = [], 0
    text = path.read_text("utf-8")
    for match in FENCE.finditer(text):
        language, note, body = match.group(1), match.group(2).strip(), match.group(3)
        line = text.count("\n", 0, match.start()) + 1
        where = f"{path.relative_to(root)}:{line}"
        if language == "toml":
            count += 1
            complaint = check_toml(body, note == "fragment", binary, root)
            if complaint:
                complaints.append(f"{where}: {complaint}")
        elif language == "sh":
            for command in re.sub(r"\\\n\s*", "", body).splitlines():
                if not command.strip() or command.lstrip().startswith("#"):
                    continue
                count += 1
                complaint = check_shell_line(command, binary, root)
                if complaint:
                    complaints.append(f"{where}: `{command}`: {complaint}")
    return complaints, count


def main(root, binary):
    root = pathlib.Path(root)
    complaints, count = [], 0
    for path in [root / "README.md", root / "deploy" / "README.md", *sorted((root / "docs").rglob("*.md")),
                 *sorted((root / "plugins").glob("*/README.md"))]:
        if path.exists():
            more, seen = check_file(path, str(pathlib.Path(binary).resolve()), root)
            complaints += more
            count += seen
    print("\n".join(complaints) or f"{count} examples hold")
    return 1 if complaints or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
