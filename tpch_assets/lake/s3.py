"""How this process reaches S3: region, endpoint and credentials from the usual AWS environment, and boto3's client.

What is asked of S3 belongs in `s3_store.py`, and the reasons why it refuses in `s3_check.py`.
"""

import os
import threading
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tpch_assets.settings import S3_ENDPOINT, S3_REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PATIENT = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32)
# For callers that somebody waits for: they learn within seconds that nothing answers.
IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=4)
_lock = threading.Lock()


def region() -> str:
    """The region for boto3 and Delta alike: the environment's, else the profile's."""
    return _first(S3_REGION) or _session_of(os.getpid()).region_name or "us-east-1"


def endpoint() -> str | None:
    """Another endpoint than AWS's, if the environment names one."""
    return _first(S3_ENDPOINT)


def _first(names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)


def connect(config: Config = PATIENT) -> "S3Client":
    """A new client."""
    return boto3.Session().client("s3", region_name=region(), endpoint_url=endpoint(), config=config)


def client() -> "S3Client":
    """This process's client. A forked process gets its own, since processes cannot share connections."""
    with _lock:
        return _client_of(os.getpid(), endpoint(), region())


def credentials() -> dict[str, str]:
    """What boto3 signs with now, as Delta's options: Delta itself knows neither profiles nor single sign-on."""
    with _lock:
        found = _session_of(os.getpid()).get_credentials()
    if found is None:
        return {}
    now = found.get_frozen_credentials()
    named = {"access_key_id": now.access_key, "secret_access_key": now.secret_key, "session_token": now.token}
    return {f"aws_{name}": value for name, value in named.items() if value}


@cache
def _client_of(process: int, endpoint: str | None, region: str) -> "S3Client":
    return connect()


@cache
def _session_of(process: int) -> boto3.Session:
    return boto3.Session()


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def code(error: ClientError) -> str:
    """S3's own word for an error, such as `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", ""))
