"""What a business adds to the dashboard: pages, views and a title of its own.

`Business.dashboard` names a module with `OWN = Own(...)`, such as `dashboards.tpch`. Nothing else names that module, so
the dashboard works without any.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from dashboards.charts.labels import label
from dashboards.charts.looks import Look
from dashboards.pages.page import Page
from dashboards.store import business
from tpch_assets.settings import SettingsError


@dataclass(frozen=True)
class Own:
    """A business's additions.

    Attributes:
        pages: Shown before the general ones; each takes the place of a general page at the same path.
        title: The dashboard's title. By default the business's name.
    """

    pages: tuple[type[Page], ...] = ()
    look: Look = field(default_factory=Look)
    title: str = ""


def own() -> Own:
    """What the business of the settings adds.

    Raises:
        SettingsError: Its module cannot be imported, or has no `OWN`.
    """
    module, name = business.dashboard_module(), business.name()
    return _loaded(module, name) if module else Own(title=label(name))


@cache
def _loaded(module: str, name: str) -> Own:
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise SettingsError(f"dashboard={module!r} of the business {name}: {error}") from None
    if not isinstance(getattr(found, "OWN", None), Own):
        raise SettingsError(f"dashboard={module!r} of the business {name}: the module has no OWN = Own(...)")
    given: Own = found.OWN
    return given if given.title else Own(given.pages, given.look, label(name))
