"""The dagster-deltalake resource for a table of the lake, for your own assets and for maintenance.

Import this module lazily: dagster-deltalake imports pandas, which takes half as long as loading the definitions.
"""

from dagster_deltalake import DeltaTableResource, LocalConfig, S3Config
from dagster_deltalake.config import ClientConfig
from deltalake import DeltaTable

from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake


class LakeDeltaTable(DeltaTableResource):
    """A table of the lake. `load()` opens it with the credentials of this process.

    Credentials are looked up when the table is opened, so no configuration contains them.
    """

    def load(self) -> DeltaTable:
        """Open the table at its newest version, or at `version`.

        Raises:
            deltalake.exceptions.TableNotFoundError: The table does not exist yet.
        """
        return DeltaTable(self.url, version=self.version, storage_options=Lake(self.url).store.options)


def delta_table(url: str) -> LakeDeltaTable:
    """Return the resource for the table at `url`, a folder or `s3://bucket/prefix`."""
    if "://" not in url:
        return LakeDeltaTable(url=url, storage_options=LocalConfig())
    place = s3.endpoint()
    return LakeDeltaTable(
        url=url,
        storage_options=S3Config(region=s3.region(), endpoint=place),
        client_options=ClientConfig(allow_http=bool(place and place.startswith("http://"))),
    )
