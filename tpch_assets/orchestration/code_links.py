"""Links each asset to the file that people edit to change it: a query, a model's features, or the tables.

How assets are made does not belong here.
"""

import sys
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import dagster as dg

from tpch_assets.schema import Business
from tpch_assets.settings import PROJECT, Settings

Asset = dg.AssetsDefinition | dg.AssetSpec


def with_code_links(assets: Sequence[Asset], settings: Settings, business: Business) -> list[Asset]:
    """Return the assets with links to the code: on this machine, or in `TPCH_REPOSITORY_URL` if that is set."""

    def linked(spec: dg.AssetSpec) -> dg.AssetSpec:
        layer, name = spec.key.path
        found = _place(business, layer, name.removesuffix("_rejects"))
        if found is None:
            return spec
        return spec.merge_attributes(metadata={"dagster/code_references": _reference(settings, *found)})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster shows these links; only their classes may change.
        return [linked(one) if isinstance(one, dg.AssetSpec) else one.map_asset_specs(linked) for one in assets]


def _place(business: Business, layer: str, name: str) -> tuple[Path, int] | None:
    """The file that says what an asset holds, and the line; None if no file of the business does."""
    for answer in business.answers:
        if (layer, name) == ("gold", answer.name):
            code = answer.function.__code__
            return Path(code.co_filename), code.co_firstlineno
    for model in business.models:
        if (layer, name) == ("gold", model.name):
            return model.features, 1
    if layer == "gold":
        return business.queries / f"{name}.sql", 1
    return _declaration(business, name) if name in business.names else None


def _declaration(business: Business, name: str) -> tuple[Path, int] | None:
    """Where a table is declared: the first line that names it in the tables' module or the business's own."""
    for path, lines in _modules(str(business.queries.parent)):
        for number, line in enumerate(lines, 1):
            if f'"{name}"' in line:
                return path, number
    return None


@cache
def _modules(folder: str) -> list[tuple[Path, list[str]]]:
    """The files and lines of the loaded modules in a folder, `tables.py` first."""
    files = {getattr(module, "__file__", None) or "" for module in [*sys.modules.values()]}
    found = (Path(file) for file in files if file.rpartition("/")[0] == folder)
    ordered = sorted(found, key=lambda path: (path.stem != "tables", path))
    return [(path, path.read_text().splitlines()) for path in ordered]


def _reference(settings: Settings, path: Path, line: int) -> dg.CodeReferencesMetadataValue:
    if settings.repository_url and path.is_relative_to(PROJECT):
        url = f"{settings.repository_url.rstrip('/')}/{path.relative_to(PROJECT).as_posix()}#L{line}"
        return dg.CodeReferencesMetadataValue(code_references=[dg.UrlCodeReference(url=url, label=path.name)])
    return dg.CodeReferencesMetadataValue(
        code_references=[dg.LocalFileCodeReference(file_path=str(path), line_number=line, label=path.name)]
    )
