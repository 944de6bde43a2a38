#!/usr/bin/env python3
"""A pod of the demo: answers every HTTP GET with its own name and who asked.

pod.py NAME PORT PIDFILE: writes PIDFILE once it listens."""
import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.server.pod_name} (asked by {self.client_address[0]})\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


def main():
    name, port, pid_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    server = Server(("0.0.0.0", port), Handler)
    server.pod_name = name
    with open(pid_file, "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
