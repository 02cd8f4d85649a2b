"""The README says what is so: its commands run, its settings are the settings, its files are there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tpch_assets.settings import PREFIX, PROJECT, Settings
from tpch_assets_tests.days import SCRIPTS, Place, whole_day

README = (PROJECT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_knows_the_targets(command: str) -> None:
    done = subprocess.run([*shlex.split(command), "-n"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_run(tmp_path: Path) -> None:
    ours = [command for command in COMMANDS if "tpch-assets" in command]
    assert {shlex.split(command)[1] for command in ours} >= {"replay", "status", "show"}
    place = Place(tmp_path)
    for command in ours:
        program, *arguments = shlex.split(command)
        assert program == ".venv/bin/tpch-assets"
        elsewhere = "--lake" not in arguments and arguments[0] not in ("check", "explain")
        lake = ["--lake", whole_day().lake.uri] if elsewhere else []
        arguments = [place.lake.uri if argument == "/tmp/lake" else argument for argument in arguments]
        arguments = [str(PROJECT / argument) if argument.endswith(".sql") else argument for argument in arguments]
        environment = {k: v for k, v in place.environment().items() if k != f"{PREFIX}START"}
        done = subprocess.run(
            [SCRIPTS / program.rsplit("/", 1)[-1], *arguments, *lake],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_python_runs(tmp_path: Path) -> None:
    (tmp_path / "lake").symlink_to(whole_day().lake.uri)
    found = blocks("python")
    assert found
    for text in found:
        subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table(name: str) -> None:
    row = next((line for line in README.splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}`")), "")
    assert row.rstrip(" |").endswith(Settings.model_fields[name].description or "?")


def test_every_link_and_module_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (PROJECT / link).exists()] == []
    modules = re.findall(r"`(\w+(?:/|\.py))`", README)
    assert [name for name in modules if not (PROJECT / "tpch_assets" / name).exists()] == []


def test_make_help_lists_every_target() -> None:
    make = shutil.which("make")
    assert make
    shown = subprocess.run([make, "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert [target for target in targets if f"make {target} " not in shown] == []
