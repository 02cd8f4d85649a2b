"""A query that needs more memory than TPCH_MEMORY uses the disk instead, and answers the same."""

import json
from pathlib import Path

import pytest

from tpch_assets.compute.scratch import PREFIX
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.town import SETTINGS, Town, town

SALES = 400_000
QUERY = """
SELECT customer, text, count(*) AS sales
FROM (SELECT customer, hash(sale)::VARCHAR || repeat('.', 300) AS text FROM sales)
GROUP BY customer, text
ORDER BY text
LIMIT 5
"""


def answer(market: Town, memory: str) -> tuple[object, bool]:
    """What `tpch-assets query` prints, and whether it used the disk."""
    (file := market.place.folder / "short.sql").write_text(QUERY)
    output, spilled = market.place.folder / "output.txt", False
    output.unlink(missing_ok=True)
    process = market.place.start("query", str(file), "--format", "json", memory=memory, workers=1, **SETTINGS)
    while process.poll() is None:
        spilled = spilled or any(market.place.folder.glob(f"{PREFIX}*/spill/*"))
    assert process.returncode == 0, market.place.output()
    rows = [line for line in output.read_text().splitlines() if "rows in" not in line]
    return json.loads("\n".join(rows)), spilled


@pytest.mark.chaos
def test_a_query_that_is_short_of_memory_spills(tmp_path: Path, seed: int) -> None:
    with town(tmp_path, seed) as market:
        lines = (b'{"sale": %d, "customer": %d, "total": 1}\n' % (n, n % 100) for n in range(SALES))
        market.place.deliver("sales", feed.batch(1), "a.json", b"".join(lines))
        with market.graph() as loaded:
            for sensor in ("bronze_sensor", "late_data_sensor"):
                loaded.run(loaded.sensor(sensor).run_requests)
        plenty, little = answer(market, "4GiB"), answer(market, "60MiB")
        assert plenty[0] == little[0] and plenty[0]
        assert (plenty[1], little[1]) == (False, True)
