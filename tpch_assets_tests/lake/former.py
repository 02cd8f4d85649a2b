"""The lake that version 0.1.0 wrote: a day of TPC-H at scale factor 0.001 from 2026-11-01 on."""

import json
import os
import tarfile
from pathlib import Path

from tpch_assets.lake.lake import Lake


def former_lake(folder: Path) -> Lake:
    """Unpack it to `folder`/lake, with the times of its raw files, which are part of the names of bronze files."""
    with tarfile.open(Path(__file__).with_name("former_lake.tar.xz")) as archive:
        archive.extractall(folder, filter="data")
    times = folder / "lake" / "mtimes.json"
    for name, time in json.loads(times.read_text()).items():
        os.utime(folder / "lake" / name, ns=(time, time))
    times.unlink()
    return Lake(str(folder / "lake"))
