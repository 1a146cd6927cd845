"""A server on loopback that answers every request with one recorded answer, and keeps what it was asked."""

import http.server
import os
import threading

# The libraries must come to the server here, whatever the machine says about proxies.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]


class Server:
    """Answers with `status`, `kind` and `body` until they are changed."""

    def __init__(self):
        self.status, self.kind, self.body, self.asked = 200, "text/event-stream", b"", []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                outer.asked.append((self.path, dict(self.headers), self.rfile.read(length)))
                self.send_response(outer.status)
                self.send_header("content-type", outer.kind)
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            do_POST = do_GET = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def play(self, body, status=200, kind="text/event-stream"):
        self.status, self.kind, self.body = status, kind, body
