"""The HTML around each page: its templates, which scripts it loads, and what stands in it where there is no page.

What a page shows does not belong here.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from tornado.web import RequestHandler

UNUSED = ("bokeh-gl.", "es-module-shims", "luxon.")
"""Scripts that no part of a page needs: WebGL plots, Panel's own components in JavaScript, and times in Tabulator."""


def needed(scripts: str) -> str:
    """The script tags of Bokeh and Panel without those that pages never use: 300 kB less to load and to compile."""
    return "\n".join(line for line in scripts.splitlines() if not any(name in line for name in UNUSED))


TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=False)
TEMPLATES.filters["needed"] = needed


def not_found(brand: str, pages: Mapping[str, str]) -> type[RequestHandler]:
    """A handler of addresses that lead nowhere.

    Args:
        pages: Names by path; none where people sign in, as this page needs no sign-in.
    """

    class NotFound(RequestHandler):
        """Says so in the frame of the dashboard."""

        def prepare(self) -> None:
            """Answer every method alike."""
            asked = self.request.path
            root = "/".join([".."] * (asked.count("/") - 1)) or "."
            near = difflib.get_close_matches(asked.rstrip("/"), [path for path in pages if path != "/"], 1)
            self.set_status(404)
            page = TEMPLATES.get_template("not_found.html").render(
                brand=brand, pages=pages, path=None, root=root, asked=asked, near=near[0] if near else None
            )
            self.finish(page)

    return NotFound
