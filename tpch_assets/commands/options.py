"""What several commands have in common: the type of `add`'s argument, the option `--lake`, and the settings."""

import argparse
import os
from typing import TYPE_CHECKING, TypeAlias

from tpch_assets.settings import PREFIX, Settings, current_settings

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Commands = object  # argparse has no public name for it.


def add_lake(command: argparse.ArgumentParser) -> None:
    """Add `--lake`, which `settings_of` reads."""
    command.add_argument("--lake", help=f"a folder or s3://bucket/prefix (default: {PREFIX}LAKE)")


def settings_of(arguments: argparse.Namespace, **more: str | None) -> Settings:
    """Apply `--lake` and more settings, by name, to the environment, where the asset graph reads them.

    Raises:
        SettingsError: A setting is not valid.
    """
    options = {"LAKE": arguments.lake, **more}
    os.environ.update({f"{PREFIX}{name}": value for name, value in options.items() if value is not None})
    current_settings.cache_clear()
    return current_settings()
