"""A Zipkin collector for tests: keeps the spans that are posted to it."""

import http.server
import json
import threading

import nameplane


class Collector:
    """Takes what is posted. `status` is its answer; while `held` is not set, it has none."""

    def __init__(self, port=0, status=202):
        self.requests = []  # (path, headers, spans)
        self.status = status
        self.held = threading.Event()
        self.held.set()
        self.waiting = threading.Event()  # a request has come
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.waiting.set()
                collector.held.wait()
                status = collector.status
                if status // 100 == 2:
                    collector.requests.append((self.path, dict(self.headers), json.loads(body)))
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # it did not wait for us

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def spans(self):
        return [span for (_, _, spans) in list(self.requests) for span in spans]

    def traces(self, within=""):
        """By id, of those that were posted to a path with `within` in it. A trace is there once its own
        span is, which is the last one that its server sends."""
        found = {}
        for (path, _, spans) in list(self.requests):
            for span in spans if within in path else ():
                found.setdefault(span["traceId"], []).append(span)
        return {key: spans for (key, spans) in found.items()
                if any("parentId" not in span for span in spans)}

    def trace_of(self, name):
        """The spans of the query for `name`, waited for."""
        def is_there():
            return next((spans for spans in self.traces().values()
                         if any(span.get("tags", {}).get("coredns.io/name") == name for span in spans)), None)
        return nameplane.await_true("a trace of %s among %r" % (name, self.spans), is_there)


def root_of(spans):
    (root,) = [span for span in spans if "parentId" not in span]
    return root


def tree(spans):
    """Names as nested lists, in the order of their beginning."""
    def below(span):
        children = sorted((each for each in spans if each.get("parentId") == span["id"]),
                          key=lambda each: each["timestamp"])
        return [span["name"], *[below(child) for child in children]]
    return below(root_of(spans))
