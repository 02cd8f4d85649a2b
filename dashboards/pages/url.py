"""The page's address as choices.

Which choices a page offers does not belong here.
"""

import difflib
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import parse_qsl, quote

from param.parameterized import Parameters


class Location(Protocol):
    """The browser's address, as `panel.state.location` offers it."""

    search: str
    param: Parameters


class Url:
    """Reads choices from the address, only allowed ones, and writes them to it."""

    def __init__(self, location: Location | None = None) -> None:
        self.location = location
        self._writing = False
        self.unknown: dict[str, tuple[str, str]] = {}
        """Values in the address that are not allowed, by name, each with the nearest one that is."""

    def get(self, name: str, allowed: Sequence[str], default: str) -> str:
        """The value in the address, if it is one of `allowed`. Else `unknown` has it."""
        value = self._params().get(name, "")
        self.unknown.pop(name, None)
        if value in allowed:
            return value
        if value and any(allowed):
            self.unknown[name] = (value[:80], next(iter(difflib.get_close_matches(value, allowed, 1)), ""))
        return default

    def text(self, name: str) -> str:
        """The value in the address, whatever it is: check it before use. Empty if there is none."""
        return self._params().get(name, "")

    def names(self, prefix: str) -> list[str]:
        """The names in the address that begin with `prefix`."""
        return [name for name in self._params() if name.startswith(prefix)]

    def set(self, **choices: str | None) -> None:
        """Write choices to the address. None leaves one out."""
        if self.location is None:
            return
        for name in choices:
            self.unknown.pop(name, None)
        before = self._params()
        after = {name: value for name, value in before.items() if name not in choices}
        after |= {name: value for name, value in choices.items() if value is not None}
        if after == before:
            return
        self._writing = True
        try:
            self.location.search = "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in after.items())
        finally:
            self._writing = False

    def watch(self, callback: Callable[[], None]) -> None:
        """Call `callback` after the address changed in another way than by `set`: by Back, Forward or by hand."""
        if self.location is not None:
            self.location.param.watch(lambda _: None if self._writing else callback(), "search")

    def _params(self) -> dict[str, str]:
        return dict(parse_qsl(self.location.search.removeprefix("?"))) if self.location is not None else {}
