#!/usr/bin/env python3
"""Names of others on loopback: cached and forwarded, to NSD as upstream, in one run.

    bench/forward.py [--binary build/plain/src/agent/nameplane] [--coredns FILE] [--names 5000]
                     [--rounds 5] [--seconds 4] [--threads 1] [--encrypted]

With --encrypted: forwarded over TLS and over HTTPS, to a Nameplane as upstream.

With --coredns the same is asked of CoreDNS with the same Corefile, in turn. CPU time is that of the
server's processes while dnsperf ran, divided by the queries it completed; the upstream's is not in it.
Needs dnsperf, nsd, dig, taskset; openssl for --encrypted."""
import argparse
import os
import pathlib
import signal
import subprocess
import tempfile

import rounds

CASES = {"cached": ("    cache 3600\n", "dns"), "forwarded": ("", "dns")}
ENCRYPTED = {"by TLS": ("", "tls"), "by HTTPS": ("", "https")}


def address(i):
    return f"192.0.{i // 250 % 250}.{i % 250 + 1}"


def write_zone(options, folder):
    with open(folder / "zone", "w", encoding="ascii") as zone:
        zone.write("$ORIGIN example.\n$TTL 3600\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\n"
                   "ns A 192.0.2.53\n")
        for i in range(options.names):
            zone.write(f"name-{i} A {address(i)}\n")


class EncryptedUpstream:
    """Serves the zone over TLS and HTTPS, and in the clear for who waits for it."""
    title = "upstream"

    def __init__(self, options, folder):
        write_zone(options, folder)
        self.port = rounds.free_port()
        self.ports = {"tls": rounds.free_port(), "https": rounds.free_port()}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
                        "-out", folder / "cert.pem"], check=True, capture_output=True)
        self.tls = f" {{\n        tls {folder}/cert.pem\n    }}"
        config = folder / "upstream.corefile"
        config.write_text(f"tls://.:{self.ports['tls']} https://.:{self.ports['https']} "
                          f".:{self.port} {{\n    bind 127.0.0.1\n    root {folder}\n"
                          f"    tls cert.pem key.pem\n    file zone example\n}}\n")
        self.process = subprocess.Popen(
            ["taskset", "-c", options.load_cpus, options.binary, "--config", str(config),
             "--manifests", str(folder / "manifests"), "--threads", "1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def to(self, scheme):
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}" + self.tls


class Upstream:
    title = "upstream"

    def __init__(self, options, folder):
        write_zone(options, folder)
        self.port = rounds.free_port()
        self.process = rounds.start_nsd(folder, self.port, "example", options.load_cpus)

    def to(self, _):
        return f"127.0.0.1:{self.port}"


class Server:
    def __init__(self, title, command, options, folder, plugins, to):
        self.title = title
        self.port = rounds.free_port()
        corefile = folder / f"{title.replace(' ', '-')}.corefile"
        corefile.write_text(f".:{self.port} {{\n    bind 127.0.0.1\n{plugins}"
                            f"    forward . {to}\n}}\n")
        self.process = subprocess.Popen(
            ["taskset", "-c", options.server_cpus, *command(corefile)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "GOMAXPROCS": str(options.threads)})
        self.pid = self.process.pid


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    rounds.add_options(parser, rounds=5, seconds=4)
    parser.add_argument("--coredns")
    parser.add_argument("--names", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--encrypted", action="store_true")
    options = parser.parse_args()
    cases = ENCRYPTED if options.encrypted else CASES
    rounds.need(dnsperf="dnsperf", nsd="nsd", dig="bind9-dnsutils", taskset="util-linux")
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = pathlib.Path(name_of_folder)
        (folder / "manifests").mkdir()
        queries = folder / "queries"
        queries.write_text("".join(f"name-{i}.example A\n" for i in range(options.names)))
        upstream = (EncryptedUpstream if options.encrypted else Upstream)(options, folder)
        servers = []
        commands = {"nameplane": lambda corefile: [
            options.binary, "--config", str(corefile), "--manifests", str(folder / "manifests"),
            "--threads", str(options.threads)]}
        if options.coredns:
            commands["coredns"] = lambda corefile: [options.coredns, "-conf", str(corefile)]
        try:
            rounds.wait_for_answer(upstream.port, "name-1.example")
            for case, (plugins, scheme) in cases.items():
                for title, command in commands.items():
                    servers.append(Server(f"{title} {case}", command, options, folder, plugins,
                                          upstream.to(scheme)))
                    rounds.wait_for_answer(servers[-1].port, "name-1.example")
            at_rest = {s.title: rounds.resident_mb(s.pid) for s in servers}
            for server in servers:
                rounds.load(server, options, queries, "-n", "1")  # fills caches
            rows = rounds.in_turn(servers, options, lambda *_: queries)
            print(f"{options.names} names, {options.threads} thread(s), {options.rounds} rounds of "
                  f"{options.seconds} s in turn, medians")
            rounds.print_head()
            rounds.print_rows(servers, rows, at_rest)
            for case in cases if options.coredns else ():
                rounds.print_ratios(case, rows[f"nameplane {case}"], rows[f"coredns {case}"])
        finally:
            for server in [*servers, upstream]:
                server.process.send_signal(signal.SIGTERM)
                server.process.wait(timeout=30)


if __name__ == "__main__":
    main()
