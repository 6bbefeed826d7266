"""serve.py FOLDER: serves FOLDER on a free port of 127.0.0.1, which it prints. It honours "Range: bytes=N-" and logs
every answer to FOLDER.log as "STATUS PATH FIRST-BYTE". A file NAME.cut holds after how many bytes NAME's connection
breaks off, once."""
import http.server, os, sys

FOLDER = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        path = FOLDER + self.path
        first = int(self.headers.get("Range", "bytes=0-")[6:-1])
        found = os.path.isfile(path)
        status = 404 if not found else 206 if first else 200
        with open(FOLDER + ".log", "a") as log:
            print(status, self.path, first, file=log)
        if not found:
            return self.send_error(404)
        with open(path, "rb") as file:
            content = file.read()
        self.send_response(status)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        end = len(content)
        if os.path.exists(path + ".cut"):
            with open(path + ".cut") as cut:
                end = int(cut.read())
            os.remove(path + ".cut")
        self.wfile.write(content[first:end])
        self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
