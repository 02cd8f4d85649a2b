"""Tries each sabotage in a copy of the project: `python -m tpch_assets_tests.chaos.proof [--short] [--only WORDS]`.

The named test must pass on the copy as it is, and fail once the code is sabotaged.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tpch_assets.settings import PROJECT
from tpch_assets_tests.chaos.sabotage import SABOTAGES, TESTS, Sabotage

LEFT_OUT = (".git", ".venv", ".dagster", ".env", "lake")
SECONDS = 600
PASSED, FAILED = 0, 1
"""Exit codes of pytest; any other says that the test could not be run."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Are mistakes in the code noticed by their tests?")
    parser.add_argument("--short", action="store_true", help="only those that CI tries")
    parser.add_argument("--only", default="", help="only those whose name has these words")
    options = parser.parse_args()
    chosen = [one for one in SABOTAGES if options.only in one.name and (one.short or not options.short)]
    faults = [fault for one in chosen if (fault := one.fault())]
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        copy = Path(folder, "project")
        shutil.copytree(PROJECT, copy, ignore=left_out, symlinks=True)
        if not faults:
            code, output = run(copy, sorted({one.test for one in chosen}))
            faults = [] if code == PASSED else [f"the tests fail without any sabotage:\n{output}"]
        for one in chosen if not faults else ():
            began = time.monotonic()
            fault = tried(copy, one)
            print(f"{'MISSED' if fault else 'caught'} {time.monotonic() - began:5.1f} s  {one.name}", flush=True)
            faults += [fault] if fault else []
    print("\n".join(faults) or f"{len(chosen)} sabotages, all were caught")
    return bool(faults)


def left_out(folder: str, names: list[str]) -> list[str]:
    """What a copy of the project does without."""
    return [
        n for n in names if n == "__pycache__" or n.endswith("_cache") or (Path(folder) == PROJECT and n in LEFT_OUT)
    ]


def tried(copy: Path, one: Sabotage) -> str | None:
    """Why a sabotage was not caught; None if it was."""
    originals = {file: (copy / "tpch_assets" / file).read_text() for file, _, _ in one.edits}
    try:
        for file, old, new in one.edits:
            path = copy / "tpch_assets" / file
            path.write_text(path.read_text().replace(old, new))
        code, output = run(copy, [one.test])
    finally:
        for file, text in originals.items():
            (copy / "tpch_assets" / file).write_text(text)
    return None if code == FAILED else f"{one.name}: {one.test} ended with {code}:\n{output}"


def run(copy: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests in the copy; gives pytest's exit code and the end of what it said. A test that hangs has noticed."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "CHAOS_PROOF": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *(f"{TESTS}/{t}" for t in tests)]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return FAILED, "it took too long"
    return done.returncode, (done.stdout + done.stderr)[-2000:]


if __name__ == "__main__":
    sys.exit(main())
