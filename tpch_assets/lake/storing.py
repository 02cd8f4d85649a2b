"""What the driver does with pieces that workers wrote: commit their rejects, then their rows.

Writing the pieces belongs in `pieces.py`, and how one commit is made in `commit.py`.
"""

from collections.abc import Sequence

from tpch_assets.lake.claim import claim
from tpch_assets.lake.commit import Committed, commit
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import REJECTS, Piece
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import TableUpdate


def commit_pieces(lake: Lake, uri: str, pieces: Sequence[Piece], update: TableUpdate) -> Committed:
    """Commit the pieces of an update. Rejects go first, since the good rows mark a batch as ingested.

    Raises:
        CommitConflict: The table changed since the update was planned, or another run has claimed it.
        ValueError: A file is missing or damaged, or the columns cannot become those of the table in place.
    """
    base = update.base
    if update.claim is not None and update.schema is not None:
        claimed = claim(lake, uri, update, update.schema, update.claim, [piece.rows.file.path for piece in pieces])
        base = base if base is None or claimed is None else claimed
    if any(piece.lines is not None for piece in pieces) or update.keep:
        _commit_rejects(lake, f"{uri}_rejects", pieces, update)
    return commit(
        lake,
        uri,
        [piece.rows for piece in pieces],
        set(update.files),
        schema=update.schema,
        keep=update.keep,
        over=update.over,
        base=base,
        marks=update.marks,
        properties=update.properties,
        replace=update.replace,
        after=update.after,
        claim=update.claim,
    )


def _commit_rejects(lake: Lake, uri: str, pieces: Sequence[Piece], update: TableUpdate) -> None:
    """Replace the partitions' rejects."""
    rejected = [piece.rejects for piece in pieces if piece.rejects]
    present = snapshot(lake, uri)
    if rejected or present.of(set(update.files)):
        keep = {file.path for file in present.files} & set(update.keep)
        commit(
            lake,
            uri,
            rejected,
            set(update.files),
            schema=REJECTS,
            keep=keep,
            over=update.over_rejects,
            replace=update.replace,
        )
