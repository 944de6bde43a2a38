"""A small web server with odd habits, for the tests of the HTTP client: HTTP/1.1, and HTTP/2 over
TLS when asked for. What it does is said by the path of a request:

    /echo          200; what the server saw of the request and of its connection, a line each; of what
                   was sent along, octets and sum are said
    /status/CODE   that status; ?type=TYPE&retry=VALUE&body=TEXT
    /gzip/N        200; N octets, compressed if the client takes gzip
    /octets/N      200; N octets
    /drip/N        200; N pieces "piece I\\n", each on its own
    /stream        200; "first\\n", then nothing for ever
    /silent        nothing at all
    /half          the beginning of an answer, then the end of the connection (of the stream)
    /early         103 Early Hints, then as /octets/5

CONNECT leads to where it says, with 403 once there is a token.

Lines on standard input: "mute" (reads on and says nothing any more), "speak", "token VALUE" (all but
this bearer token gets 401), "certificate CERT KEY" (for the connections to come). Each is
answered by "done". The first line on standard output is the port. Ends with its standard input.
"""
import argparse
import gzip
import itertools
import os
import socket
import ssl
import sys
import threading
import urllib.parse

numbers = itertools.count(1)
mute = threading.Event()
token = None


def answer(path, headers, connection):
    """(status, headers, pieces, how it ends: "end", "hang", "cut"), or None for silence."""
    url = urllib.parse.urlsplit(path)
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
    words = url.path.strip("/").split("/")
    if token is not None and headers.get("authorization") != "Bearer " + token:
        return 401, [("content-type", "application/json")], [b'{"kind":"Status","code":401}'], "end"
    if words[0] == "echo":
        lines = ["path: " + path] + ["%s: %s" % pair for pair in sorted(headers.items())]
        lines += ["%s: %s" % pair for pair in sorted(connection.items())]
        return 200, [("content-type", "text/plain")], ["\n".join(lines).encode() + b"\n"], "end"
    if words[0] == "status":
        more = [("content-type", query.get("type", "application/json"))]
        if "retry" in query:
            more.append(("retry-after", query["retry"]))
        return int(words[1]), more, [query.get("body", "").encode()], "end"
    if words[0] in ("octets", "gzip"):
        octets = b"x" * int(words[1])
        if words[0] == "gzip" and "gzip" in headers.get("accept-encoding", ""):
            return 200, [("content-encoding", "gzip")], [gzip.compress(octets)], "end"
        return 200, [], [octets], "end"
    if words[0] == "drip":
        return 200, [], [b"piece %d\n" % i for i in range(int(words[1]))], "end"
    if words[0] == "stream":
        return 200, [("content-type", "application/json")], [b"first\n"], "hang"
    if words[0] == "half":
        return 200, [("content-length", "1000")], [b"half"], "cut"
    if words[0] == "early":
        return 200, [], [b"early"], "end"
    if words[0] == "silent":
        return None
    return 404, [("content-type", "text/plain")], [b"404 page not found\n"], "end"


def hang():
    threading.Event().wait()


def copy(source, target):
    try:
        while (octets := source.recv(65536)):
            target.sendall(octets)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def tunnel(sock, stream, where):
    while stream.readline().strip():
        pass
    host, _, port = where.rpartition(":")
    if token is not None:
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        return
    with socket.create_connection((host, int(port))) as there:
        sock.sendall(b"HTTP/1.1 200 Fine\r\n\r\n")
        threading.Thread(target=copy, args=(there, sock), daemon=True).start()
        copy(sock, there)


def speak_http1(sock, connection):
    stream = sock.makefile("rb")
    while True:
        line = stream.readline()
        if not line:
            return
        if line.startswith(b"CONNECT "):
            return tunnel(sock, stream, line.split()[1].decode())
        if not line.startswith((b"GET ", b"POST ")):
            return
        path = line.split()[1].decode()
        headers = {}
        posted = line.startswith(b"POST ")
        while (line := stream.readline().strip()):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if posted:
            body = stream.read(int(headers["content-length"]))
            headers["posted"] = "%d %d" % (len(body), sum(body))
        told = answer(path, headers, connection)
        while mute.is_set() or told is None:
            if not sock.recv(65536):
                return
        status, more, pieces, end = told
        if path.startswith("/early"):
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
        names = {name for name, _ in more}
        if "content-length" not in names:
            more = more + [("transfer-encoding", "chunked")]
        head = "HTTP/1.1 %d Odd\r\n%s\r\n" % (
            status, "".join("%s: %s\r\n" % pair for pair in more))
        sock.sendall(head.encode())
        for piece in pieces:
            if "content-length" in names:
                sock.sendall(piece)
            elif piece:
                sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end == "cut":
            return
        while end == "hang":
            if not sock.recv(65536):
                return
        sock.sendall(b"0\r\n\r\n")


class Http2:
    def __init__(self, sock, connection):
        import h2.config
        import h2.connection
        self.sock = sock
        self.connection = connection
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.waiting = {}  # stream: [octets to send, how it ends]

    def flush(self):
        octets = self.h2.data_to_send()
        if octets and not mute.is_set():
            self.sock.sendall(octets)

    def send_more(self, stream):
        octets, end = self.waiting[stream]
        while octets:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room <= 0:
                break
            self.h2.send_data(stream, octets[:room])
            octets = octets[room:]
        self.waiting[stream][0] = octets
        if octets:
            return
        del self.waiting[stream]
        if end == "end":
            self.h2.end_stream(stream)
        if end == "cut":
            self.h2.reset_stream(stream, 2)

    def begin(self, stream, pairs):
        headers = {name: value for name, value in pairs}
        told = answer(headers[":path"], headers, self.connection)
        if told is None or mute.is_set():
            return
        status, more, pieces, end = told
        if headers[":path"].startswith("/early"):
            self.h2.send_headers(stream, [(":status", "103"), ("link", "</x>")])
        self.h2.send_headers(stream, [(":status", str(status))] + more)
        self.waiting[stream] = [b"".join(pieces), end]
        self.send_more(stream)

    def run(self):
        import h2.events
        self.h2.initiate_connection()
        self.flush()
        while (octets := self.sock.recv(65536)):
            for event in self.h2.receive_data(octets):
                if isinstance(event, h2.events.RequestReceived):
                    self.begin(event.stream_id, [
                        (n.decode() if isinstance(n, bytes) else n,
                         v.decode() if isinstance(v, bytes) else v) for n, v in event.headers])
                elif isinstance(event, h2.events.WindowUpdated):
                    for stream in list(self.waiting):
                        if event.stream_id in (0, stream):
                            self.send_more(stream)
                elif isinstance(event, h2.events.StreamReset):
                    self.waiting.pop(event.stream_id, None)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    return
            self.flush()


def serve(sock, context):
    connection = {"connection": str(next(numbers))}
    try:
        protocol = None
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True)
            protocol = sock.selected_alpn_protocol()
            subject = (sock.getpeercert() or {}).get("subject", ())
            names = [value for part in subject for name, value in part if name == "commonName"]
            connection["client-name"] = names[0] if names else ""
            connection["sent-name"] = getattr(sock, "sent_name", "")
        connection["protocol"] = protocol or ""
        if protocol == "h2":
            Http2(sock, connection).run()
        else:
            speak_http1(sock, connection)
    except (OSError, ssl.SSLError):
        pass
    finally:
        sock.close()


def context_of(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    context.set_alpn_protocols(["h2", "http/1.1"] if options.http2 else ["http/1.1"])
    if options.client_authority:
        context.load_verify_locations(options.client_authority)
        context.verify_mode = ssl.CERT_REQUIRED if options.client_required else ssl.CERT_OPTIONAL
    context.sni_callback = lambda sock, name, _: setattr(sock, "sent_name", name or "")
    return context


def listen(server, context):
    while True:
        sock, _ = server.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock, context), daemon=True).start()


def obey(line, context):
    global token
    words = line.split()
    if words[0] == "mute":
        mute.set()
    elif words[0] == "speak":
        mute.clear()
    elif words[0] == "token":
        token = words[1]
    elif words[0] == "certificate":
        context.load_cert_chain(words[1], words[2])
    else:
        raise SystemExit("what is %r?" % line)
    print("done", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--client-authority")
    parser.add_argument("--client-required", action="store_true")
    parser.add_argument("--http2", action="store_true")
    parser.add_argument("--address", default="127.0.0.1")
    options = parser.parse_args()
    context = context_of(options) if options.certificate else None
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    server = socket.create_server((options.address, 0), family=family, backlog=64)
    threading.Thread(target=listen, args=(server, context), daemon=True).start()
    print(server.getsockname()[1], flush=True)
    for line in sys.stdin:
        obey(line, context)
    os._exit(0)


if __name__ == "__main__":
    main()
