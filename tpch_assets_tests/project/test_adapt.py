"""docs/adapt.md says what is so: the edits of each section are made to a copy, and its commands print what it shows.

How the page is read:

- A `diff` block is applied. What it takes away, with its context, stands once in the file.
- Any other block below a line that ends with `path`: is a new file.
- A `console` block holds commands, each with what it prints. `...` stands for lines left out. Runs of white space are
  one space. Any duration in seconds equals any other.
- The page's lake begins on 2026-01-01; the tests' common one begins lately. Paths start at the project's folder.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tpch_assets.commands.scaffold.project import COPIED
from tpch_assets.settings import PROJECT
from tpch_assets_tests.days import Place, day, whole_day

PAGE = (PROJECT / "docs" / "adapt.md").read_text(encoding="utf-8")
PROGRAMS = {
    ".venv/bin/tpch-assets": ["-c", "from tpch_assets.commands.main import main; main()"],
    ".venv/bin/pytest": ["-m", "pytest", "-p", "no:cacheprovider"],
}
_BLOCK = re.compile(r"(?:`(?P<path>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_SECONDS = re.compile(r"\d+(\.\d+)? ?s\b")


@dataclass(frozen=True)
class Block:
    """A block of a section, and the path above it if it is a new file."""

    kind: str
    text: str
    path: str | None


def sections() -> dict[str, list[Block]]:
    """The page's sections that hold a block, by heading."""
    parts = re.split(r"(?m)^## (.+)\n", PAGE.replace("2026-01-01", day(0)))[1:]
    found = {
        title: [Block(match["kind"], match["text"], match["path"]) for match in _BLOCK.finditer(text)]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {title: blocks for title, blocks in found.items() if blocks}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, with the common day as its lake."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in (*COPIED, "tpch_assets_tests"):
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, folder / name)
    whole_day().copy(folder)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("title", sections())
def test_a_section_does_what_it_says(title: str, project: Path) -> None:
    for block in sections()[title]:
        if block.kind == "diff":
            apply(block.text, project)
        elif block.kind == "console":
            for command, shown in commands(block.text):
                printed = run(command, project)
                assert matches(shown, printed), f"$ {command}\n{printed}\nbut the page shows\n{shown}"
        else:
            assert block.path, f"the file has no path above it:\n{block.text}"
            file = project / block.path
            assert not file.exists()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")


def apply(diff: str, folder: Path) -> None:
    """Apply a diff: each hunk begins with `@@`, and each file with `--- path` and `+++ path`."""
    parts = re.split(r"(?m)^--- (\S+)\n\+\+\+ \1\n", diff)[1:]
    for name, hunks in zip(parts[::2], parts[1::2], strict=True):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for hunk in re.split(r"(?m)^@@.*\n", hunks)[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] or "\n" for line in lines if line[:1] != "+")
            after = "".join(line[1:] or "\n" for line in lines if line[:1] != "-")
            assert text.count(before) == 1, f"{path} does not hold this once:\n{before}"
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the lines below it."""
    parts = re.split(r"(?m)^\$ (.+)\n", text)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def run(command: str, folder: Path) -> str:
    """What a command prints, errors too, with paths told from the folder on."""
    words = shlex.split(command)
    count = next(number for number, word in enumerate(words) if "=" not in word)
    own = dict(word.split("=", 1) for word in words[:count])
    program, *arguments = words[count:]
    environment = {**Place(folder).environment(), "TPCH_LAKE": "lake", "TMPDIR": str(folder.parent), **own}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(PROJECT)])
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program], *arguments],
        cwd=folder,
        env={name: value for name, value in environment.items() if not name.startswith("PYTEST_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout.replace(f"{folder}/", "").replace(f"{folder.parent}/", "../")


def matches(shown: str, printed: str) -> bool:
    """Whether the shown lines are the printed ones, where `...` stands for any number of lines."""
    parts = [re.escape(_plain(part)) for part in re.split(r"(?m)^\.\.\.\n", shown)]
    return re.fullmatch(r"(?:.*\n)*".join(parts), _plain(printed)) is not None


def _plain(text: str) -> str:
    lines = (" ".join(_SECONDS.sub("0 s", line).split()) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a  b\n", "a b   \n", True),
        ("3 rows in 0.12 s\n", "3 rows in 14 s\n", True),
        ("3 rows in 0.12 s\n", "4 rows in 0.12 s\n", False),
        ("a\n...\nz\n", "a\nb\nc\nz\n", True),
        ("a\n...\nz\n", "a\nb\nc\nz\nand more\n", False),
        ("a\n", "", False),
    ],
)
def test_lines_match_as_the_rule_says(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) == same
