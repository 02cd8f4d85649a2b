"""Makes the folder of a new project: this project's files under another name, without its business, and a new business.

What the new tables are does not belong here, but in `infer`. Files in `files/` are templates: `{name}`, `{package}`,
`{prefix}`, `{title}` and what else `Names` and the caller give is filled in.
"""

import gzip
import keyword
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tpch_assets.commands.scaffold.infer import Proposal
from tpch_assets.commands.scaffold.samples import Sample
from tpch_assets.commands.scaffold.text import first_query, moved_text, tables_text
from tpch_assets.settings import PROJECT, SettingsError

FILES = Path(__file__).parent / "files"
ENGINE = Path(__file__).parents[2]
COPIED = (
    "tpch_assets",
    "dashboards",
    "serving",
    "deploy",
    "docs",
    "requirements",
    ".github",
    *("Containerfile", "LICENSE", "Makefile", "dagster.yaml", "dagster_cloud.yaml", "pyproject.toml", "workspace.yaml"),
    *(".dockerignore", ".gitignore"),
)
LEFT_OUT = (
    *("tpch_assets/tpch", "tpch_assets/commands/scaffold", "tpch_assets/commands/new.py", "dashboards/tpch"),
    *("docs/adapt.md", "docs/chaos.md", "docs/model.md", "docs/scale.md", "docs/images"),
)
TESTS = (
    "test_calendar.py",
    "bronze/test_fingerprint.py",
    "compute/test_database.py",
    "dashboards/charts/test_charts.py",
    "dashboards/pages/test_text.py",
    "lake/test_lake.py",
    "lake/test_recovery.py",
    "lake/test_snapshot.py",
    "project/test_where.py",
    "serving/test_records.py",
)
"""Tests of the engine that come along: fast, and about no business."""

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_TAKEN = (
    "aws",
    "coiled",
    "dagster",
    "dask",
    "dashboards",
    "duckdb",
    "git",
    "github",
    "pip",
    "python",
    "serving",
    "tpch",
    "test",
)
_BINARY = (".webp", ".xz", ".gz", ".png")


@dataclass(frozen=True)
class Names:
    """What a project is called: its command `web-shop`, and what follows from it.

    Raises:
        SettingsError: The name cannot be used.
    """

    command: str

    def __post_init__(self) -> None:
        taken = {*_TAKEN, *(path.stem for path in ENGINE.iterdir())}
        if not _NAME.fullmatch(self.command) or keyword.iskeyword(self.name) or len(self.name) > 30:
            raise SettingsError(
                f"{self.command!r} cannot name a project: use up to 30 lower-case letters, digits and - or _, "
                "such as web-shop"
            )
        if self.name in taken:
            raise SettingsError(f"{self.command!r} cannot name a project: the name is taken; try {self.command}-data")

    @property
    def name(self) -> str:
        return self.command.replace("-", "_")

    @property
    def package(self) -> str:
        return f"{self.name}_assets"

    @property
    def prefix(self) -> str:
        return f"{self.name.upper()}_"

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    def renamed(self, text: str) -> str:
        """A text of this project under the new name."""
        for old, new in (
            ("tpch_assets", self.package),
            ("tpch-assets", self.command),
            ("TPC-H", self.title),
            ("TPCH_", self.prefix),
            ("tpch", self.name),
        ):
            text = text.replace(old, new)
        return text


EDITS: Mapping[str, Sequence[tuple[str, str]]] = {
    "tpch_assets/commands/parser.py": [(r"(?m)\bnew, |^    new,\n", "")],
    "tpch_assets/settings.py": [
        (r"TPC-H scale factor per day\.", "How much the generator makes per day, if it can make more or less."),
        (r"Generate TPC-H batches in `raw`\. Set `false` if your own files land there\.",
         "Replay the samples as batches in `raw`. Set `false` if your own files land there."),
    ],
    "tpch_assets/commands/replay.py": [(r"TPC-H scale factor per day", "how much the generator makes per day")],
    "pyproject.toml": [
        (r'    "tpchgen-cli",\n', ""),
        (r', "tpc-h"', ""),
        (r'    "tpch_assets\.commands\.scaffold",\n', ""),
        (r', "benchmarks"\]', "]"),
        (r'"benchmarks/\*" = \["T20"\]\n', ""),
        (r'ignore = \["RUF012"\]', 'ignore = ["RUF012", "E501"]'),
        (r'tpch_assets = \[.*\]', 'tpch_assets = ["tpch/queries/*.sql", "tpch/samples/*.json.gz"]'),
    ],
    "Makefile": [
        (r" chaos chaos-proof| bench rates proof", ""),
        (r"(?s)test-long: install.*?(?=# Dagster's own)", ""),
        (r" test-long", ""),
        (r"(?s)bench: install.*?(?=image-check:)", ""),
        (r"one day at scale factor 0\.1", "one day of the samples"),
    ],
    ".github/workflows/test.yml": [
        (r"      - name: (?:Browser\n        run: make chromium|Published answers\n        run: make proof)\n", ""),
        (r"      - name: Mistakes that tests must notice\n        run: make chaos-proof SHORT=1\n", ""),
        (r"      - name: Tests that take minutes\n        run: make test-long\n", ""),
    ],
    "docs/serving.md": [(r"(?s)## Try it\n.*?(?=## Which model)", "")],
    "docs/where.md": [
        (r".*`dashboards/tpch`.*\n", ""),
        (r".*/scaffold/.*\n", ""),
        (r".*`tpch_assets(?:/tpch/(?:volumes|late_delivery)\.py|/tpch/models|_tests/tpch/examples)`.*\n", ""),
        (r"\[adapt\.md\]\(adapt\.md\).*\n\n", ""),
    ],
}  # fmt: skip
"""What else changes in a file, as (pattern, replacement); each pattern is in its file."""


def make_project(folder: Path, names: Names, samples: Sequence[Sample], proposals: Sequence[Proposal]) -> None:
    """Fill a new folder; it is removed again if that fails.

    Raises:
        SettingsError: The folder exists, or this project is not a checkout that can be copied.
    """
    if missing := [name for name in COPIED if not (PROJECT / name).exists()]:
        raise SettingsError(f"a new project is a copy of this one's checkout, and {PROJECT} has no {missing[0]}")
    if folder.exists():
        raise SettingsError(f"{folder} exists already: choose another name, or --into another folder")
    try:
        _copy(folder, names, query := first_query(proposals))
        _add_business(folder, names, samples, proposals, query)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _copy(folder: Path, names: Names, query: tuple[str, str]) -> None:
    for name in _copied():
        source, target = PROJECT / name, folder / names.renamed(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix in _BINARY:
            shutil.copy(source, target)
            continue
        text = _edited(name, source.read_text(encoding="utf-8"))
        target.write_text(names.renamed(text.replace("q01_pricing_summary", query[0])), encoding="utf-8")
        target.chmod(source.stat().st_mode)


def _copied() -> Iterator[str]:
    """The files that a new project gets from this one."""
    for name in COPIED:
        found = [PROJECT / name] if (PROJECT / name).is_file() else sorted((PROJECT / name).rglob("*"))
        for path in found:
            relative = path.relative_to(PROJECT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not f"{relative}/".startswith(_LEFT_OUT):
                yield relative
    tests = {f"tpch_assets_tests/{name}" for name in TESTS}
    yield from sorted(tests | {f"{Path(name).parent.as_posix()}/__init__.py" for name in tests})


_LEFT_OUT = tuple(f"{name}/" for name in LEFT_OUT)


def _edited(name: str, text: str) -> str:
    for pattern, replacement in EDITS.get(name, ()):
        text, count = re.subn(pattern, replacement, text)
        if not count:
            raise RuntimeError(f"{name} has nothing like {pattern!r} any more: correct EDITS in {__file__}")
    if name.startswith("requirements/"):
        return re.sub(r"(?m)^tpchgen-cli==.*\n(?:[ \t]+.*\n)*", "", text)
    return _without_tpch(text) if name.endswith(".md") else text


def _without_tpch(text: str) -> str:
    """A document without the rows of tables, and the sentences, that are about TPC-H or what is left behind."""
    about = re.compile(r"TPC-H|dashboards/tpch|scale\.md|benchmarks")
    text = re.sub(r"(?m)^\|.*(?:TPC-H|dashboards/tpch).*\n", "", text)
    paragraphs = re.split(r"(\n\s*\n)", text)
    for index, paragraph in enumerate(paragraphs):
        if about.search(paragraph) and "```" not in paragraph:
            sentences = re.split(r"(?<=[.:])\s+(?=[A-Z`\[-])", paragraph)
            paragraphs[index] = " ".join(sentence for sentence in sentences if not about.search(sentence))
    return "".join(paragraphs)


def _add_business(
    folder: Path, names: Names, samples: Sequence[Sample], proposals: Sequence[Proposal], query: tuple[str, str]
) -> None:
    fact = max((p for p in proposals if p.table.is_fact), key=lambda proposal: proposal.rows)
    more = {
        "tables": tables_text(proposals),
        "moved": moved_text(proposals),
        "query": query[0],
        "fact": fact.table.name,
        "facts": ", ".join(p.table.name for p in proposals if p.table.is_fact),
    }
    package = folder / names.package / names.name
    for template in sorted(FILES.rglob("*.txt")):
        relative = template.relative_to(FILES).with_suffix("")
        top = {"business": package, "tests": folder / f"{names.package}_tests"}.get(relative.parts[0])
        target = top.joinpath(*relative.parts[1:]) if top else folder / relative
        target = Path(_filled(str(target), names, more))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(template.read_text(encoding="utf-8"), names, more), encoding="utf-8")
    (package / "queries").mkdir()
    (package / "queries" / f"{query[0]}.sql").write_text(query[1], encoding="utf-8")
    (package / "samples").mkdir()
    for sample in samples:
        with gzip.GzipFile(package / "samples" / f"{sample.table}.json.gz", "wb", mtime=0) as file:
            file.writelines(line + b"\n" for line in sample.lines)


def _filled(template: str, names: Names, more: Mapping[str, str]) -> str:
    values = {part: getattr(names, part) for part in ("name", "command", "package", "prefix", "title")} | dict(more)
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)
