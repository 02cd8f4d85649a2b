"""The resources of the graph: the lake, its IO manager, and on S3 Dagster's own S3 resource beneath both."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.io_manager import LakeIOManager

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource


def lake_resources(uri: str) -> dict[str, Any]:
    """Everything that reaches the lake at a folder or an `s3://` URI."""
    if not Lake(uri).remote:
        return {"io_manager": LakeIOManager(lake_uri=uri), "lake": Lake(uri)}
    return {
        "io_manager": LakeIOManager(lake_uri=uri, connect=_client),
        "lake": Lake(uri, _client),
        "s3": dg.ResourceDefinition(lambda _: dagster_s3(), description="S3 as AWS's environment says."),
    }


def dagster_s3() -> "S3Resource":
    """Dagster's S3 resource for the region and endpoint of the environment."""
    # Only here: its package takes as long to import as all the rest, which a code location would wait for at each load.
    from dagster_aws.s3 import S3Resource

    return S3Resource(region_name=s3.region(), endpoint_url=s3.endpoint())


def _client() -> Any:
    return dagster_s3().get_client()
