"""Serve a folder on this machine, compressed as a web server in public would do it.

    python scripts/serve.py [folder] [--port 8000]

It listens on 127.0.0.1 only. The folder is _build/html unless another one is given.
"""

import argparse
import functools
import gzip
import http.server
import socket
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "_build" / "html"
TEXTS = {"application/javascript", "text/javascript", "application/json", "image/svg+xml"}


@functools.lru_cache(maxsize=512)
def compressed(path: str, changed: int) -> bytes:
    """Return a file compressed; `changed`, its time, makes a new version a new entry."""
    return gzip.compress(Path(path).read_bytes(), 6, mtime=0)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files, texts compressed, without a log."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a request for a file."""
        path = Path(self.translate_path(self.path))
        if path.is_dir() and self.path.split("?")[0].endswith("/"):
            path = path / "index.html"
        kind = self.guess_type(str(path))
        packed = kind in TEXTS or kind.startswith("text/")
        if (
            not path.is_file()
            or not packed
            or "gzip" not in (self.headers["Accept-Encoding"] or "")
        ):
            return super().do_GET()
        body = compressed(str(path), path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", kind if kind in TEXTS else f"{kind}; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Let the browser ask again for what may have been built anew."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


class Server(http.server.ThreadingHTTPServer):
    """A server that does not mind a browser that goes away."""

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Tell of faults, but not of a lost connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def make_server(folder: Path, port: int = 0) -> Server:
    """Return a server of a folder, on a free port unless one is given."""
    handler = functools.partial(Handler, directory=str(folder))
    return Server(("127.0.0.1", port), handler)


def start(folder: Path) -> str:
    """Serve a folder beside what else this process does; return the address."""
    server = make_server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def main() -> None:
    """Serve until the reader stops it."""
    parser = argparse.ArgumentParser(description="Serve the built book on this machine.")
    parser.add_argument("folder", nargs="?", type=Path, default=BUILT)
    parser.add_argument("--port", type=int, default=8000)
    choice = parser.parse_args()
    if not (choice.folder / "index.html").is_file():
        parser.error(f"there is no {choice.folder / 'index.html'}: run make book first")
    try:
        server = make_server(choice.folder, choice.port)
    except OSError:  # the port is taken
        server = make_server(choice.folder)
    print(f"The book is at http://127.0.0.1:{server.server_port}/ until you press Ctrl+C.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
