"""A table of the lake as dagster-deltalake's resource, for people's own assets and for housekeeping.

A module of its own, imported late: dagster-deltalake loads pandas, which takes half as long as loading the definitions.
"""

from dagster_deltalake import DeltaTableResource, LocalConfig, S3Config
from dagster_deltalake.config import ClientConfig
from deltalake import DeltaTable

from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake


class LakeDeltaTable(DeltaTableResource):
    """`load()` opens the table where the lake is, with the credentials of this process.

    Credentials are looked up when the table is opened, so that no configuration holds one.
    """

    def load(self) -> DeltaTable:
        """The table at its newest version, or at `version`.

        Raises:
            deltalake.exceptions.TableNotFoundError: It does not exist yet.
        """
        return DeltaTable(self.url, version=self.version, storage_options=Lake(self.url).store.options)


def delta_table(url: str) -> LakeDeltaTable:
    """The resource for the table at `url`, a folder or `s3://bucket/prefix`."""
    if "://" not in url:
        return LakeDeltaTable(url=url, storage_options=LocalConfig())
    place = s3.endpoint()
    return LakeDeltaTable(
        url=url,
        storage_options=S3Config(region=s3.region(), endpoint=place),
        client_options=ClientConfig(allow_http=bool(place and place.startswith("http://"))),
    )
