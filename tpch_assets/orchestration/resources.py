"""The resources of the graph, as the Dagster UI shows them: the lake, its tables, and the settings in force."""

import dagster as dg
from dagster_deltalake import DeltaTableResource, LocalConfig, S3Config
from dagster_deltalake.config import ClientConfig
from deltalake import DeltaTable
from pydantic import Field

from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.schema import Business
from tpch_assets.settings import Settings


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake; assets, checks and sensors open it from here."""

    uri: str = Field(description="A folder, or s3://bucket/prefix.")

    def open(self) -> Lake:
        """The lake, to list files and to read and write tables."""
        return Lake(self.uri)

    def table(self, layer: str, name: str) -> "LakeTable":
        """A table of the lake, to be opened with delta-rs."""
        return table_resource(self.uri, self.open().table(layer, name))


class LakeTable(DeltaTableResource):
    """A table of the lake: `load()` opens it with delta-rs, where the lake is and with the credentials of this process.

    Credentials are looked up when the table is opened, so that the UI never shows one.
    """

    def load(self) -> DeltaTable:
        """The table at its newest version, or at `version`.

        Raises:
            deltalake.exceptions.TableNotFoundError: It does not exist yet.
        """
        return DeltaTable(self.url, version=self.version, storage_options=Lake(self.url).store.options)


def table_resource(lake: str, url: str) -> LakeTable:
    """dagster-deltalake's resource for one table of a lake."""
    if "://" not in lake:
        return LakeTable(url=url, storage_options=LocalConfig())
    place = s3.endpoint()
    return LakeTable(
        url=url,
        storage_options=S3Config(region=s3.region(), endpoint=place),
        client_options=ClientConfig(allow_http=bool(place and place.startswith("http://"))),
    )


class InForce(dg.ConfigurableResource[None]):
    """The settings that decide what runs where. To change one, set its environment variable."""

    business: str = Field(description="The Python module with tables, queries and generator.")
    scale_factor: str = Field(description="How much the generator makes per day.")
    compute: str = Field(description="Where Dask computes.")
    budget: str = Field(description="What a day may cost.")


def in_force(settings: Settings) -> InForce:
    """The settings in words."""
    places = {
        "threads": f"{settings.workers} threads of the run's process, {settings.memory} for DuckDB",
        "processes": f"{settings.workers} processes of this machine, {settings.memory} for DuckDB in each",
        "address": f"the Dask scheduler at {settings.address}",
        "coiled": f"Coiled, up to {settings.coiled_workers_max} workers of type {settings.coiled_vm_type}",
    }
    dollars = settings.budget_dollars_per_day
    return InForce(
        business=settings.business,
        scale_factor=f"{settings.scale_factor:g} a day" if settings.generate else "nothing: files land by themselves",
        compute=places[settings.compute],
        budget="no limit" if dollars is None else f"${dollars:,.2f}",
    )


def resources(settings: Settings, business: Business) -> dict[str, object]:
    """All resources by name. Each silver table is there as `silver_<table>`, for people's own assets."""
    lake = LakeResource(uri=settings.lake)
    tables = {f"silver_{name}": lake.table("silver", name) for name in business.names}
    return {"io_manager": LakeIOManager(uri=settings.lake), "lake": lake, "in_force": in_force(settings), **tables}
