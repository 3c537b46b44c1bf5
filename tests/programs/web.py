"""A small web server for the tests of clients: says its port, serves until it is killed."""
import http.server
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://localhost:%d/there" % PORT)
            self.end_headers()
            return
        body = b"x" * 200000 if self.path == "/big" else b"at " + self.path.encode() + b"\n"
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"got %d\n" % len(body))

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


PORT = int(sys.argv[1])
Server(("127.0.0.1", PORT), Handler).serve_forever()
