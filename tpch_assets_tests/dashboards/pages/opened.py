"""Pages opened without a browser."""

import html
import re
from typing import Any

import param

from dashboards.own import own
from dashboards.pages.page import Page
from dashboards.settings import DashboardSettings
from dashboards.store.store import Store


class Location(param.Parameterized):
    """Stands in for the browser's address."""

    search = param.String(default="")

    @property
    def query_params(self) -> dict[str, Any]:
        pairs = (part.split("=", 1) for part in self.search.lstrip("?").split("&") if "=" in part)
        return {name: value.replace("%2F", "/") for name, value in pairs}


def words(found: str) -> str:
    """What people read of HTML."""
    return html.unescape(re.sub("<[^>]*>", "", found))


def open_page(page: type[Page], store: Store, search: str = "") -> Any:
    made = page(store, DashboardSettings(), Location(search=search), own().look)
    made.view()
    return made
