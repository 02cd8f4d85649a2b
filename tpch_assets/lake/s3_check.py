"""Finds out whether a bucket can be used, and says in one sentence why not and what to do.

What a lake asks of S3 after that belongs in `s3_store.py`.
"""

import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from tpch_assets.lake.s3 import IMPATIENT, code, connect, endpoint, region, split

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def check(uri: str, *, write: bool) -> None:
    """Fail unless a bucket can be read below a prefix (and written as Delta needs it).

    Raises:
        RuntimeError: It cannot; the message says why and what to do.
    """
    bucket, prefix = split(uri)
    s3 = None
    try:
        s3 = connect(IMPATIENT)
        s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/".lstrip("/"), MaxKeys=1)
        _check_region(s3, bucket)
        if write:
            _check_write(s3, bucket, f"{prefix}/.check-{uuid.uuid4().hex}".lstrip("/"))
    except (BotoCoreError, ClientError, ValueError) as error:
        raise RuntimeError(_reason(error, bucket, s3.meta.endpoint_url if s3 else endpoint())) from error


def _check_region(s3: "S3Client", bucket: str) -> None:
    """Fail if the bucket is in another region: boto3 follows it there by itself, Delta does not."""
    try:
        headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:  # Credentials for a prefix alone are refused, but that answer names the region too.
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    home = headers.get("x-amz-bucket-region")
    if home and home != region():
        raise RuntimeError(f"the bucket is in the region {home}, not in {region()}. Set AWS_REGION={home}.")


def _check_write(s3: "S3Client", bucket: str, key: str) -> None:
    """Write an object, see that S3 refuses to write it again, and delete it."""
    s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        if code(error) not in ("PreconditionFailed", "412"):
            raise
    else:
        raise RuntimeError(
            "this S3 does not honour conditional writes (If-None-Match), so two writers could overwrite each other's "
            "commits. Use one that does."
        )
    finally:
        s3.delete_object(Bucket=bucket, Key=key)


_RIGHTS = {
    "ListObjectsV2": "read it: they need s3:ListBucket and s3:GetObject",
    "PutObject": "write it: they need s3:PutObject",
    "DeleteObject": "delete in it: they need s3:DeleteObject",
}
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
_UNKNOWN = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId")
_ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301")


def _reason(error: Exception, bucket: str, place: str | None) -> str:
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError):
        return f"nothing answers at {place}. Correct AWS_ENDPOINT_URL, or the network."
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if not isinstance(error, ClientError):
        return f"{' '.join(str(error).split()).rstrip('.')}. Correct TPCH_LAKE or the AWS settings."
    found = code(error)
    if found in ("NoSuchBucket", "404"):
        return f"there is no bucket {bucket} at {place}. Create it, or correct TPCH_LAKE."
    if found in _EXPIRED:
        return "the AWS credentials have expired. Renew them (such as by `aws sso login`)."
    if found in _UNKNOWN:
        return f"{place} does not accept the AWS credentials ({found}). Correct them."
    if found in ("AccessDenied", "403", "AllAccessDisabled"):
        return f"the AWS credentials may not {_RIGHTS.get(error.operation_name, 'use it: they need its rights')}."
    if found in _ELSEWHERE:
        return f"the bucket is not in the region {region()}. Set AWS_REGION to the bucket's."
    return f"{place} says {found}: {error.response.get('Error', {}).get('Message', '')}".rstrip(". ") + "."
