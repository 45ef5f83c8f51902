"""An application that calls others and knows nothing of a sidecar: `relay.py PORT`, on 127.0.0.1.

GET /URL, percent-encoded, is answered with a line of JSON: what came in, and what the call gave.
    {"fields": {...}, "status": 200, "answer": {...}, "text": "..."}
It hands on what a tracing library does. Fields that begin with `call-` go with the call, without
that. What became of no answer is told as {"problem": "..."}.
"""

import http.client
import http.server
import json
import sys
import urllib.parse

TRACE = ("traceparent", "tracestate")


def lower(fields):
    return {name.lower(): value for name, value in fields.items()}


def call(url, fields):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request("GET", parts.path or "/", headers=fields)
        answer = connection.getresponse()
        return {"status": answer.status, "answer": lower(answer.headers),
                "text": answer.read().decode()}
    except (OSError, http.client.HTTPException) as problem:
        return {"problem": repr(problem)}
    finally:
        connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fields = lower(self.headers)
        carried = {name: fields[name] for name in TRACE if name in fields}
        carried |= {name.removeprefix("call-"): value for name, value in fields.items()
                    if name.startswith("call-")}
        told = json.dumps({"fields": fields,
                           **call(urllib.parse.unquote(self.path[1:]), carried)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.serve_forever()
