"""The resources of the graph: the lake, its IO manager, and on S3 Dagster's own S3 resource beneath both."""

from typing import Any

from tpch_assets import s3
from tpch_assets.io_manager import LakeIOManager
from tpch_assets.lake import Lake


def lake_resources(uri: str) -> dict[str, Any]:
    """Everything that reaches the lake at a folder or an `s3://` URI."""
    if not Lake(uri).remote:
        return {"io_manager": LakeIOManager(lake_uri=uri), "lake": Lake(uri)}
    from dagster_aws.s3 import S3Resource  # Seconds to import, which a lake on disk can do without.

    resource = S3Resource(region_name=s3.region(), endpoint_url=s3.endpoint())
    return {
        "io_manager": LakeIOManager(lake_uri=uri, connect=resource.get_client),
        "lake": Lake(uri, resource.get_client),
        "s3": resource,
    }
