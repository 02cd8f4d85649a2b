"""Detect the Dagster Cloud deployment that this process belongs to.

Dagster Cloud sets environment variables for it. Without them the process runs outside of Dagster Cloud, as `local`.
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
    """This is a branch deployment, but Dagster Cloud does not say of which branch."""


@dataclass(frozen=True)
class Deployment:
    """A deployment. Its name is valid in paths, host names and cluster names."""

    name: str
    is_branch: bool


def deployment(environment: Mapping[str, str] = os.environ) -> Deployment:
    """Return the deployment that this process belongs to; `local` outside of Dagster Cloud.

    Raises:
        DeploymentError: This is a branch deployment without a name, so it would share its lake with other branches.
    """
    is_branch = environment.get(IS_BRANCH, "").lower() in ("1", "true")
    name = (environment.get(BRANCH, "") if is_branch else "") or environment.get(NAME, "")
    if is_branch and not name:
        raise DeploymentError(f"{IS_BRANCH} is set, but neither {BRANCH} nor {NAME} says which branch this is.")
    return Deployment(slug(name or LOCAL), is_branch)


def slug(name: str) -> str:
    """Convert a name to lower-case letters, digits and single dashes, at most 40 characters.

    If that changes the name, the slug ends in eight digits of its hash, so that `fix/1` and `fix-1` stay distinct.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].rstrip("-")
    if plain == name:
        return plain
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST - 9].rstrip('-')}-{digits}".lstrip("-")
