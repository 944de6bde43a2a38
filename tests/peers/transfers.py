"""Zones as a whole, by dig."""

import subprocess


def zone(port, name):
    """The records of a transfer, each once and sorted: without the serial, and without the addresses
    of name servers, which are those of the machine."""
    out = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), name, "AXFR", "+noall", "+answer",
                          "+nocookie"], capture_output=True, text=True, check=True,
                         timeout=60).stdout
    lines = [" ".join(line.split()) for line in out.splitlines()]
    if len(lines) < 2 or lines[0] != lines[-1] or " SOA " not in lines[0]:
        raise AssertionError("no transfer of %s:\n%s" % (name, out[:2000]))
    words = lines[0].split()
    words[6] = "SERIAL"
    inside = [line for line in lines[1:-1] if not line.startswith("ns.dns.")]
    return sorted({" ".join(words), *inside})
