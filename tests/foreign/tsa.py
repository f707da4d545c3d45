"""An authority for time-stamps around `openssl ts -reply`: tsa.py CONFIG. Writes its port first.

/ stamps; /refuse refuses the policy; /other stamps what another request asked for; /large answers
with more than anybody should read; everything else is an error.
"""

import http.server
import subprocess
import sys

config = sys.argv[1]

# SEQUENCE { SEQUENCE { 2, SEQUENCE { UTF8String "no" }, BIT STRING unacceptedPolicy } }
REFUSAL = bytes.fromhex("3010") + bytes.fromhex("300e0201023004" "0c026e6f" "0303000001")


def reply(query):
    """The answer of openssl."""
    with open("query.tsq", "wb") as file:
        file.write(query)
    command = ["openssl", "ts", "-reply", "-config", config, "-queryfile", "query.tsq"]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] != "application/timestamp-query":
            self.send_error(415)
            return
        if self.path == "/":
            body = reply(query)
        elif self.path == "/refuse":
            body = REFUSAL
        elif self.path == "/other":
            # Another nonce, which stands in front of the last three bytes.
            body = reply(query[:-4] + bytes([query[-4] ^ 1]) + query[-3:])
        elif self.path == "/large":
            body = bytes(1 << 20)
        else:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
