"""The lake on S3 through Dagster's S3 resource. A module of its own, since importing dagster-aws takes long."""

from dagster_aws.s3 import S3Resource

from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.resources import LakeResource


class S3LakeResource(LakeResource):
    """The lake in a bucket; raw files are listed with the client of Dagster's S3 resource."""

    s3: S3Resource

    def open(self) -> Lake:
        """See `LakeResource`."""
        return Lake(self.uri, self.s3.get_client)


def s3_lake_resource(uri: str) -> S3LakeResource:
    """The lake at `s3://bucket/prefix`, for the region and endpoint of the AWS environment."""
    return S3LakeResource(uri=uri, s3=S3Resource(region_name=s3.region(), endpoint_url=s3.endpoint()))
