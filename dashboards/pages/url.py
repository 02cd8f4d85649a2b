"""The page's address as choices.

Which choices a page offers does not belong here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import quote, unquote_plus

from param.parameterized import Parameters


class Location(Protocol):
    """The browser's address, as `panel.state.location` offers it."""

    search: str
    param: Parameters

    @property
    def query_params(self) -> Mapping[str, object]:
        """The choices in the address."""


class Url:
    """Reads choices from the address, only allowed ones, and writes them to it."""

    def __init__(self, location: Location | None = None) -> None:
        self.location = location
        self._writing = False

    def get(self, name: str, allowed: Sequence[str], default: str) -> str:
        """The value in the address, if it is one of `allowed`."""
        value = self._params().get(name, default)
        return value if value in allowed else default

    def text(self, name: str, most: int) -> str:
        """Words in the address, cut to `most` letters. They are anybody's: only show and compare them."""
        return unquote_plus(self._params().get(name, ""))[:most]

    def set(self, **choices: str | None) -> None:
        """Write choices to the address. None leaves one out."""
        if self.location is None:
            return
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
        params = self.location.query_params if self.location is not None else {}
        return {name: str(value) for name, value in params.items()}
