"""Static files as browsers get them: compressed, once per process, and kept by the browser for as long as they last.

Which files a page loads does not belong here, but in `pages/frame.html`.
"""

import gzip
import mimetypes
import os
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from bokeh.embed.bundle import extension_dirs
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from tornado.routing import PathMatches, Rule
from tornado.web import StaticFileHandler

from tpch_assets.compute.scratch import scratch

COMPRESSED = (".js", ".css", ".svg", ".json", ".map")
SMALL = 1024  # Bytes. Compressing fewer saves no packet.
YEAR = 365 * 24 * 3600


class Compressed(StaticFileHandler):
    """A file as gzip if the browser reads that. Files of a version are kept for a year, others are asked for again."""

    _plain: str | None = None

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """The path of the file, or of its compressed copy."""
        found = super().validate_absolute_path(root, absolute_path)
        if found is None or not found.endswith(COMPRESSED) or os.path.getsize(found) < SMALL:
            return found
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" not in self.request.headers.get("Accept-Encoding", ""):
            return found
        self._plain = found
        self.set_header("Content-Encoding", "gzip")
        return _copy(found, os.stat(found).st_mtime_ns)

    def get_content_size(self) -> int:
        """Bytes of what is sent. Tornado's own would be those of the file that is not compressed."""
        assert self.absolute_path is not None
        return os.path.getsize(self.absolute_path)

    def get_content_type(self) -> str:
        """The type of what is in the file."""
        return mimetypes.guess_type(self._plain)[0] or "text/plain" if self._plain else super().get_content_type()

    def get_cache_time(self, path: str, modified: datetime | None, mime_type: str) -> int:
        """Seconds. A version is in the query, or in the path, as in `tabulator@6.4.0/`."""
        return YEAR if self.get_argument("v", "") or "@" in path else 0

    def set_extra_headers(self, path: str) -> None:
        """Have browsers ask whether a file without a version is still the same, which costs no content."""
        if not self.get_cache_time(path, None, ""):
            self.set_header("Cache-Control", "no-cache")


class _OfBokeh(Compressed, StaticHandler):
    """BokehJS."""


class _OfExtensions(Compressed, MultiRootStaticHandler):  # type: ignore[misc]  # Its root is a mapping.
    """Panel's."""


def rules(own: Path) -> list[Rule]:
    """Handlers that go before Bokeh's and Panel's own.

    Args:
        own: The folder of the dashboard's own files.
    """
    return [
        Rule(PathMatches(r"/static/extensions/(.*)"), _OfExtensions, {"root": extension_dirs}),
        Rule(PathMatches(r"/static/(.*)"), _OfBokeh),
        Rule(PathMatches(r"/files/(.*)"), Compressed, {"path": str(own)}),
    ]


@cache
def _copy(path: str, changed: int) -> str:
    """The path of a compressed copy, made once per process and version of the file."""
    name = sha256(f"{path}@{changed}".encode()).hexdigest()[:16]
    copy = Path(scratch(), "static", f"{name}{Path(path).suffix}.gz")
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(gzip.compress(Path(path).read_bytes(), mtime=0))
    os.utime(copy, ns=(changed, changed))
    return str(copy)
