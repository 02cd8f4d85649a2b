"""The Dagster resources: the lake, its tables, and the effective settings."""

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
    """The lake, as used by assets, checks and sensors."""

    uri: str = Field(description="A folder, or s3://bucket/prefix.")

    def open(self) -> Lake:
        """Open the lake to list files and to read and write tables."""
        return Lake(self.uri)


class LakeTable(dg.ConfigurableResource["DeltaTableResource"]):
    """A table of the lake. Assets receive dagster-deltalake's `DeltaTableResource`; its `load()` opens the table."""

    url: str = Field(description="Location of the table.")

    def create_resource(self, context: dg.InitResourceContext) -> "DeltaTableResource":
        from tpch_assets.orchestration.delta_table import delta_table

        return delta_table(self.url)


class InForce(dg.ConfigurableResource[None]):
    """The effective settings of the code location. To change one, set its environment variable."""

    business: str = Field(description="Python module with the tables, queries and generator.")
    scale_factor: str = Field(description="Scale factor of the generated data per day.")
    compute: str = Field(description="Where Dask runs.")
    budget: str = Field(description="Budget per day.")


def in_force(settings: Settings) -> InForce:
    """Describe the settings in words."""
    places = {
        "threads": f"{settings.workers} threads of the run's process, {settings.memory} for DuckDB",
        "processes": f"{settings.workers} processes of this machine, {settings.memory} for DuckDB in each",
        "address": f"the Dask scheduler at {settings.address}",
        "coiled": f"Coiled, up to {settings.coiled_workers_max} workers of type {settings.coiled_vm_type}",
    }
    dollars = settings.budget_dollars_per_day
    return InForce(
        business=settings.business,
        scale_factor=f"{settings.scale_factor:g} a day" if settings.generate else "none: files land on their own",
        compute=places[settings.compute],
        budget="no limit" if dollars is None else f"${dollars:,.2f}",
    )


def resources(settings: Settings, business: Business) -> dict[str, object]:
    """Return all resources by name. Each silver table is available to your own assets as `silver_<table>`."""
    lake = Lake(settings.lake)
    tables = {f"silver_{name}": LakeTable(url=lake.table("silver", name)) for name in business.names}
    return {
        "io_manager": LakeIOManager(uri=lake.uri),
        "lake": LakeResource(uri=lake.uri),
        "in_force": in_force(settings),
        **tables,
    }
