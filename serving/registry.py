"""The registry of one model, as the server asks for it. How it is stored belongs in `tpch_assets.models`."""

from dataclasses import dataclass
from functools import partial

from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets.models.predictor import Predictor
from tpch_assets.models.registry import ModelVersion


@dataclass(frozen=True)
class Registry:
    """Which version is the champion. Everything here raises while the lake is away."""

    lake: Lake
    model: str

    def fingerprint(self) -> str:
        """Changes when the registry does.

        Raises:
            LakeError: The lake is away. This is known within seconds; Delta's own client would try for minutes.
        """
        self.lake.check()
        return registry.fingerprint(self.lake, self.model)

    def champion(self) -> ModelVersion | None:
        """The version to serve, if there is one."""
        return registry.champion(self.lake, self.model)

    def load(self, version: ModelVersion) -> Predictor:
        """A version, ready to predict."""
        return registry.load(self.lake, version)


def registry_of(lake: str, model: str) -> Registry:
    """The registry of a lake, asked by a client that gives up early."""
    return Registry(Lake(lake, partial(s3.connect, s3.IMPATIENT)), model)
