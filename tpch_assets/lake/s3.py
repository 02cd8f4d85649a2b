"""S3 by boto3: the few calls that a lake makes. No Dagster.

Endpoint, region and credentials come from the usual AWS environment.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PATIENT = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32)
# For those whom somebody waits for: they say within seconds that there is no answer.
IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=4)
READS = 4
_lock = threading.Lock()


def region() -> str:
    """The region, for boto3 and Delta alike: the environment's, else the profile's."""
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return found or _session_of(os.getpid()).region_name or "us-east-1"


def endpoint() -> str | None:
    """Another place than AWS, if the environment names one."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def connect(config: Config = PATIENT) -> Any:
    """A new client."""
    return boto3.Session().client("s3", region_name=region(), endpoint_url=endpoint(), config=config)


def client() -> Any:
    """This process's client. A forked process gets its own, since connections cannot be shared."""
    with _lock:
        return _client_of(os.getpid(), endpoint(), region())


def credentials() -> dict[str, str]:
    """What boto3 signs with now, as Delta's options: by itself Delta knows neither profiles nor single sign-on."""
    with _lock:
        found = _session_of(os.getpid()).get_credentials()
    if found is None:
        return {}
    now = found.get_frozen_credentials()
    named = {"access_key_id": now.access_key, "secret_access_key": now.secret_key, "session_token": now.token}
    return {f"aws_{name}": value for name, value in named.items() if value}


@cache
def _client_of(process: int, endpoint: str | None, region: str) -> Any:
    return connect()


@cache
def _session_of(process: int) -> Any:
    return boto3.Session()


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def objects(s3: Any, prefix: str, after: str = "") -> Iterator[dict[str, Any]]:
    """What lies below the URI `prefix`, sorted by key: one request for each 1,000, made when they are asked for.

    Args:
        after: Only keys behind `prefix` + `after`; nothing before them is listed.
    """
    bucket, key = split(prefix)
    start = {"StartAfter": key + after} if after else {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, **start):
        yield from page.get("Contents", ())


def folders(s3: Any, prefix: str, after: str = "") -> Iterator[str]:
    """Names right below the URI `prefix` (which ends in a slash), of folders and objects, in no order."""
    bucket, key = split(prefix)
    start = {"StartAfter": key + after} if after else {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, Delimiter="/", **start):
        for found in page.get("CommonPrefixes", ()):
            yield found["Prefix"].removeprefix(key).rstrip("/")
        for found in page.get("Contents", ()):
            yield found["Key"].removeprefix(key)


def head(s3: Any, uri: str) -> dict[str, Any] | None:
    """Size, ETag and time of an object; None where there is none."""
    bucket, key = split(uri)
    try:
        return s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code(error) in ("404", "NoSuchKey", "NotFound"):
            return None
        raise


def download(s3: Any, uri: str, path: str, etag: str | None = None) -> None:
    """Copy an object to a local path.

    Args:
        etag: The content that is meant.

    Raises:
        FileNotFoundError: The object is not there, or has another content by now.
    """
    bucket, key = split(uri)
    match = {"IfMatch": etag} if etag else {}
    for attempt in range(READS):
        try:
            with s3.get_object(Bucket=bucket, Key=key, **match)["Body"] as body, open(path, "wb") as file:
                shutil.copyfileobj(body, file, 1 << 20)
            return
        except ClientError as error:
            if code(error) in ("412", "PreconditionFailed", "404", "NoSuchKey"):
                raise FileNotFoundError(f"{uri} has been replaced or removed since it was listed") from error
            raise
        except BotoCoreError:  # The connection broke while the content came, which boto3 leaves to its callers.
            if attempt == READS - 1:
                raise


def upload(s3: Any, path: str, uri: str) -> None:
    """Copy a local file to an object, which is there whole or not at all."""
    s3.upload_file(path, *split(uri))


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
