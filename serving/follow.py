"""Keeps the registry's champion loaded: a new one is loaded beside the old one, and takes its place at once.

Requests take the model in force once, when they begin, so a swap changes none of them. What a request asks for does
not belong here.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from serving.records import Checker, example
from serving.registry import Registry
from tpch_assets.models.features import Feature
from tpch_assets.models.predictor import Predictor
from tpch_assets.models.registry import ModelVersion

LOG = logging.getLogger("serving")


@dataclass(frozen=True)
class Served:
    """A model in force: never changed, only replaced."""

    version: ModelVersion
    predictor: Predictor
    checker: Checker


@dataclass(frozen=True)
class Trouble:
    """Why the registry is not followed, and since when."""

    since: datetime
    reason: str


class Follower:
    """The model in force, and what keeps a newer one from it."""

    def __init__(self, registry: Registry, seconds: float) -> None:
        self.registry, self._seconds = registry, seconds
        self.served: Served | None = None
        self.trouble: Trouble | None = None
        self._mark: object = None

    def start(self) -> "Follower":
        """Follow the registry from now on, in a thread that ends with the process."""
        threading.Thread(target=self._repeat, name="registry", daemon=True).start()
        return self

    def poll(self) -> None:
        """Look once. A failure keeps the model in force, and the next look tries again."""
        try:
            mark = self.registry.fingerprint()
            if mark != self._mark or self.trouble:
                self._follow()
            self._mark = mark
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a registry or a file: /health says it
            self._stumble(f"{type(error).__name__}: {error}".splitlines()[0][:300])

    def _follow(self) -> None:
        champion = self.registry.champion()
        if champion is None:
            self._stumble(f"the registry has no champion of {self.registry.model}")
            return
        if self.served is None or self.served.version != champion:
            predictor = self.registry.load(champion)
            try_out(predictor, champion.features)
            self.served = Served(champion, predictor, Checker(champion.features))
            LOG.info("Version %s of %s is in force.", champion.version, champion.model)
        self.trouble = None

    def _stumble(self, reason: str) -> None:
        if self.trouble is None or self.trouble.reason != reason:
            kept = f"version {self.served.version.version} stays in force" if self.served else "there is no model yet"
            LOG.warning("%s; %s.", f"{reason[:1].upper()}{reason[1:]}".rstrip("."), kept)
        self.trouble = Trouble(self.trouble.since if self.trouble else datetime.now(UTC), reason)

    def _repeat(self) -> None:
        while True:
            begun = time.monotonic()
            self.poll()
            time.sleep(max(self._seconds, time.monotonic() - begun))  # Ask a slow storage less often.


def try_out(predictor: Predictor, features: Sequence[Feature]) -> None:
    """Predict once before anybody waits for it: a file that loads and cannot predict is refused too.

    Raises:
        ValueError: What comes out is no probability.
    """
    (found,) = predictor.predict([{feature.name: example(feature) for feature in features}])
    if not 0 <= found <= 1:
        raise ValueError(f"the model predicts {found}, which is no probability")
