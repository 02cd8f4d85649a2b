"""What is delivered on the days of a market: files in time and late, corrected, twice, empty, with bad lines.

Sales of a day have customers of its own or an earlier day, and late files those of the first day. Customers move to
other segments, in later batches or in files that are delivered again.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2024, 2, 28, tzinfo=UTC)  # The next day but one is a leap day.
BATCHES = (1, 2, 72, 80)
"""The batches of a day in which something comes: two in its first window, two in its last."""
BAD = (b"{", b'{"sale": 1}', b'{"sale": "1"}', b"[1]", b'{"sale": 1.5}', b"\xff", b'{"customer": true}', b"null")


@dataclass(frozen=True)
class Delivery:
    """One file that lands."""

    table: str
    batch: str
    file: str
    content: bytes


def batch(number: int) -> str:
    return f"{START + number * timedelta(minutes=15):%Y-%m-%dT%H%M}"


def day(number: int) -> str:
    return f"{START + timedelta(days=number):%Y-%m-%d}"


def deliveries(chance: random.Random, number: int, past: list[Delivery]) -> list[Delivery]:
    """What comes on one day, in order.

    Args:
        past: What came before.
    """
    found = _customers(chance, number)
    for slot in BATCHES:
        for table in ("sales", "items"):
            content = _lines(chance, table, number, number * 96 + slot)
            found.append(Delivery(table, batch(number * 96 + slot), "a.json", content))
            if chance.random() < 0.15:
                other = content if chance.random() < 0.5 else _lines(chance, table, number, slot)
                found.append(Delivery(table, batch(number * 96 + slot), "b.json", other))
    if chance.random() < 0.3:
        chance.shuffle(found)
    found += _again(chance, found + past)
    return found


def _again(chance: random.Random, before: list[Delivery]) -> Iterator[Delivery]:
    """Files that are delivered again: as they were, corrected, or empty."""
    for one in chance.sample(before, min(len(before), chance.choice([0, 1, 1, 2]))):
        lines = one.content.splitlines(keepends=True)
        if one.table == "customers":
            lines = chance.choice([lines, [line.replace(b'"S0"', b'"S3"') for line in lines]])
        elif lines:
            lines = chance.choice([lines, lines[1:], lines[::-1], [*lines, chance.choice(BAD) + b"\n"]])
        yield Delivery(one.table, one.batch, one.file, b"".join(lines))


def _customers(chance: random.Random, number: int) -> list[Delivery]:
    """Customers of a day; later, one of the first day moves, and what was known of it before may come late."""
    rows = [{"customer": number * 10 + n, "segment": f"S{n % 2}"} for n in range(3)]
    late = []
    if number and chance.random() < 0.5:
        moved = chance.randrange(3)
        rows.append({"customer": moved, "segment": "S2"})
        if chance.random() < 0.5:
            late = [Delivery("customers", batch(48), f"{number}.json", _text([{"customer": moved, "segment": "S4"}]))]
    return [Delivery("customers", batch(number * 96), "a.json", _text(rows)), *late]


def _lines(chance: random.Random, table: str, number: int, slot: int) -> bytes:
    """Lines of a batch: new sales, and now and then one that came in another batch or day."""
    rows: list[dict[str, Any]] = []
    for n in range(chance.randint(0, 3)):
        sale = slot * 10 + n if chance.random() < 0.8 else chance.choice(BATCHES) * 10 + n
        if table == "sales":
            customer = chance.randint(0, number) * 10 + chance.randrange(3) if sale // 960 == number else n
            rows.append({"sale": sale, "customer": customer, "total": chance.randrange(10**6) / 100})
        else:
            due = START + timedelta(hours=chance.randrange(96))
            rows += (
                {"sale": sale, "position": position, "price": chance.randrange(10**6) / 100, "due": due.isoformat()}
                | ({"note": "a note"} if chance.random() < 0.3 else {})
                | ({"weight": chance.randrange(9)} if chance.random() < 0.3 else {})
                for position in range(chance.randint(1, 2))
            )
    content = _text(rows)
    return content + (chance.choice(BAD) + b"\n" if chance.random() < 0.15 else b"")


def _text(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
