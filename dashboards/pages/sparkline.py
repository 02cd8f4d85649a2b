"""A line as small as a word, that shows how a figure went over the days. The figures beside it say the rest."""

from collections.abc import Sequence

WIDTH, HEIGHT, EDGE = 120, 32, 3
"""Units of the drawing, which scales to its place."""


def sparkline(values: Sequence[float], *, from_zero: bool) -> str:
    """A drawing of figures in their order, as HTML. Empty if there are fewer than two.

    Args:
        from_zero: The lower edge stands for zero. Otherwise it stands for the smallest figure.
    """
    known = [value for value in values if value == value]
    if len(known) < 2:
        return ""
    low, high = (min(0.0, *known) if from_zero else min(known)), max(known)
    size = (high - low) or 1.0
    step = (WIDTH - 2 * EDGE) / (len(known) - 1)
    points = [
        (EDGE + i * step, HEIGHT - EDGE - (value - low) / size * (HEIGHT - 2 * EDGE)) for i, value in enumerate(known)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<svg class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="{EDGE}"/></svg>'
    )
