"""A server of a test's own, for downloads of the archive in `tests.emnist`."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.datasets.emnist import download


class Server:
    """Answers with ``answer``: a status, the length that it announces, and the bytes that it sends; counts requests."""

    def __init__(self, content):
        server = self
        self.answer, self.requests, self.may_go_on = (200, len(content), content), 0, threading.Event()
        self.may_go_on.set()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests += 1
                assert server.may_go_on.wait(60)
                status, length, content = server.answer
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                for start in range(0, len(content), 1 << 16):
                    try:
                        self.wfile.write(content[start : start + (1 << 16)])
                    except ConnectionError:
                        return

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/gzip.zip"

    def close(self):
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def official(tiny, tmp_path):  # noqa: ARG001 - it makes the archive
    """Return the archive's bytes."""
    return (tmp_path / "official" / "gzip.zip").read_bytes()


@pytest.fixture
def server(official, monkeypatch):
    """Return a server of the archive, the only mirror."""
    serving = Server(official)
    monkeypatch.setattr(download, "ARCHIVE", replace(download.ARCHIVE, urls=(serving.url,)))
    yield serving
    serving.close()


def by_hand():
    """Return the sentence that an error ends with."""
    archive = download.ARCHIVE
    return (
        f"By hand: get gzip.zip from {archive.urls[0]} ({archive.size:,} bytes, md5 {archive.md5}), and put it at "
        f"{download.archive_path()}, or name its folder with --data-dir\n"
    )
