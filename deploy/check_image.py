"""Check the Containerfile without a container engine: run its instructions in a folder.

A virtual environment replaces the base image's Python, and a folder replaces /opt/dagster. Instructions that need root
are skipped: USER, and the RUN that adds a user. Then the code location must load, and the dashboard and the model's
server must respond.

python deploy/check_image.py
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ROOT = "/opt/dagster"
SECONDS = 120
VALIDATE = "import dagster; from tpch_assets.definitions import defs; dagster.Definitions.validate_loadable(defs)"


class Image:
    """The result of the instructions so far, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.context, self.root = folder / "context", folder / "opt"
        self.folder = self.root
        self.root.mkdir()
        (folder / "home").mkdir()
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        there = {name: value for name, value in os.environ.items() if not name.startswith(("TPCH_", "DAGSTER_"))}
        path = f"{folder / 'venv' / 'bin'}:{there['PATH']}"
        self.environment = {**there, "PATH": path, "HOME": str(folder / "home"), "LANG": "C.UTF-8"}
        self.command: list[str] = []

    def follow(self, word: str, rest: str) -> None:
        """Execute one instruction."""
        rest = rest.replace(ROOT, str(self.root))
        if word == "ENV":
            self.environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif word == "WORKDIR":
            self.folder = Path(rest)
            self.folder.mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                self._copy(source, target)
        elif word == "RUN" and "useradd" not in rest:
            subprocess.run(["sh", "-ec", rest], cwd=self.folder, env=self.environment, check=True)
        elif word == "CMD":
            self.command = json.loads(rest)
        elif word not in ("FROM", "RUN", "USER", "EXPOSE"):
            raise SystemExit(f"Containerfile: the instruction {word} is not supported")

    def _copy(self, source: str, target: str) -> None:
        from_, to = self.context / source, self.folder / target
        if from_.is_dir():
            shutil.copytree(from_, to, dirs_exist_ok=True)
        else:
            shutil.copy(from_, to / source if target.endswith("/") else to)

    def serves(self, command: list[str], kind: str) -> None:
        """Check that a command of the image responds at its health endpoint."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**self.environment, f"TPCH_{kind}_PORT": str(port), f"TPCH_{kind}_ADDRESS": "127.0.0.1"}
        environment["TPCH_LAKE"] = str(self.root / "lake")
        process = subprocess.Popen(command, cwd=self.root, env=environment)
        try:
            deadline = time.monotonic() + SECONDS
            while not _answers(f"http://127.0.0.1:{port}/liveness"):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command} does not respond")
                time.sleep(0.2)
        finally:
            process.terminate()
            process.wait(20)

    def loads(self) -> None:
        """Check that the code location loads and that Dagster Cloud's agent is installed to serve it."""
        home = Path(self.environment["DAGSTER_HOME"])
        home.mkdir(exist_ok=True)
        for command in (
            ["python", "-c", VALIDATE],
            ["dagster-cloud", "--version"],
            ["python", "-c", "import dagster_cloud"],
        ):
            subprocess.run(command, cwd=self.root, env=self.environment, check=True)


def _answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=5).status == 200)
    except OSError:
        return False


def export(context: Path) -> None:
    """Copy the files that git tracks and .dockerignore allows."""
    allowed = re.findall(r"^!(\S+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    names = subprocess.run(["git", "ls-files", *allowed], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in names.stdout.split():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, context / name)


def main() -> None:
    """Execute every instruction, then run the result."""
    text = re.sub(r"\\\n\s*", "", (PROJECT / "Containerfile").read_text())
    with tempfile.TemporaryDirectory() as folder:
        image = Image(Path(folder))
        export(image.context)
        for line in text.splitlines():
            if line and not line.startswith("#"):
                sys.stderr.write(f"{line}\n")
                image.follow(*line.split(" ", 1))
        image.loads()
        image.serves(image.command, "DASHBOARD")
        image.serves(["python", "-m", "serving"], "SERVING")
    sys.stderr.write(
        "The image's files install, its code location loads, its dashboard and its model's server respond.\n"
    )


if __name__ == "__main__":
    main()
