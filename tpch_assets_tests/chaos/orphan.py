"""A run that stops before its commit, and goes on when others have given it up: `python -m … <folder> <sensor>`.

It says that it is on another machine, so that nobody can look whether it lives. What becomes of its commit is told in
`<folder>/told`.
"""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tpch_assets.lake.commit import CommitConflict
from tpch_assets.orchestration import io_manager
from tpch_assets_tests.chaos.town import town

TOLD = "told"


def main() -> None:
    folder, sensor = Path(sys.argv[1]), sys.argv[2]
    socket.gethostname = lambda: "elsewhere"
    really, stopped = io_manager.commit_pieces, list[str]()

    def late(lake: Any, uri: str, *rest: Any) -> Any:
        if stopped:
            return really(lake, uri, *rest)
        stopped.append(uri)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            found = really(lake, uri, *rest)
            (folder / TOLD).write_text(f"committed version {found.version}")
            return found
        except CommitConflict as error:
            (folder / TOLD).write_text(f"refused: {error}")
            raise

    with patch.object(io_manager, "commit_pieces", late), town(folder, 0) as market, market.graph() as loaded:
        loaded.run(loaded.sensor(sensor).run_requests[:1], raise_on_error=False)


if __name__ == "__main__":
    main()
