"""Which deployment of Dagster Cloud this process belongs to, and what a branch deployment may touch.

Dagster Cloud tells by environment variables of its own; without them this is no deployment of it, and nothing changes.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

IS_BRANCH = "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"
NAME = "DAGSTER_CLOUD_DEPLOYMENT_NAME"
BRANCH = "DAGSTER_CLOUD_GIT_BRANCH"
LOCAL = "local"
LONGEST = 40


class DeploymentError(ValueError):
    """Dagster Cloud says that this is a branch deployment, but not of which branch."""


@dataclass(frozen=True)
class Deployment:
    """A deployment: its name, fit for a path, a host name or a cluster's name; and whether it is a branch's."""

    name: str
    is_branch: bool


def deployment(environment: Mapping[str, str] = os.environ) -> Deployment:
    """The deployment that this process belongs to; `local` outside of Dagster Cloud.

    Raises:
        DeploymentError: It is a branch deployment without a name: its lake could not be told from another's.
    """
    is_branch = environment.get(IS_BRANCH, "").lower() in ("1", "true")
    name = (environment.get(BRANCH, "") if is_branch else "") or environment.get(NAME, "")
    if is_branch and not name:
        raise DeploymentError(f"{IS_BRANCH} is set, but neither {BRANCH} nor {NAME} says which branch this is.")
    return Deployment(slug(name or LOCAL), is_branch)


def slug(name: str) -> str:
    """The name in lower-case letters, digits and single dashes, at most 40 of them.

    A name that had to be changed gets eight digits of its hash, so that `fix/1` and `fix-1` stay two.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].rstrip("-")
    if plain == name:
        return plain
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST - 9].rstrip('-')}-{digits}".lstrip("-")
