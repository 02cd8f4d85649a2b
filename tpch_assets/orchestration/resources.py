"""The resources of the graph, as the Dagster UI shows them: the lake, its tables, and the settings in force."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

if TYPE_CHECKING:
    from dagster_deltalake import DeltaTableResource


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake; assets, checks and sensors open it from here."""

    uri: str = Field(description="A folder, or s3://bucket/prefix.")

    def open(self) -> Lake:
        """The lake, to list files and to read and write tables."""
        return Lake(self.uri)


class LakeTable(dg.ConfigurableResource["DeltaTableResource"]):
    """A table of the lake: assets get it as dagster-deltalake's `DeltaTableResource`, whose `load()` opens it."""

    url: str = Field(description="Where the table is.")

    def create_resource(self, context: dg.InitResourceContext) -> "DeltaTableResource":
        from tpch_assets.orchestration.delta_table import delta_table

        return delta_table(self.url)


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
    lake = Lake(settings.lake)
    tables = {f"silver_{name}": LakeTable(url=lake.table("silver", name)) for name in business.names}
    return {
        "io_manager": LakeIOManager(uri=lake.uri),
        "lake": LakeResource(uri=lake.uri),
        "in_force": in_force(settings),
        **tables,
    }
