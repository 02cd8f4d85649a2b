"""What to say of a name that nothing has: the nearest one that there is."""

import difflib
from collections.abc import Sequence


def nearest(name: str, known: Sequence[str]) -> str:
    """What to say after a name that is not known: the nearest one, or all."""
    found = difflib.get_close_matches(name, known, 1)
    return f": did you mean {found[0]}?" if found else f"; known are {', '.join(known)}"
