"""Samples of three feeds, as public ones look: a web shop, devices with nested readings, and events of a code host."""

import gzip
import json
import random
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2025, 3, 1)
Rows = Iterable[dict[str, Any]]


def write(folder: Path, name: str, rows: Rows) -> None:
    """Write rows as JSON lines; a name with .gz packs them."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def web_shop(folder: Path, chance: random.Random) -> None:
    """Customers and products, orders with their lines, and payments for most of them."""
    customers, products, orders = range(1, 41), [f"SKU-{i:03}" for i in range(25)], range(1001, 1301)
    write(
        folder,
        "customers.json",
        (
            {
                "customer_id": i,
                "name": f"Zoë {i}",
                "email": f"c{i}@example.org" if i % 7 else None,
                "since": f"2024-{i % 12 + 1:02}-03",
                "country": chance.choice(["DE", "FR", "PT"]),
            }
            for i in customers
        ),
    )
    write(
        folder,
        "products.jsonl",
        ({"sku": sku, "title": f"Thing {sku}", "price": chance.randrange(100, 9999) / 100} for sku in products),
    )
    rows = [
        {
            "order_id": order,
            "customer_id": chance.choice(customers),
            "created_at": (START + timedelta(minutes=4.7 * n)).isoformat() + "Z",
            "status": chance.choice(["paid", "sent", "returned"]),
            "total_price": round(chance.uniform(5, 500), 2),
            "coupon": chance.choice([None, "SPRING", "VIP"]),
        }
        for n, order in enumerate(orders)
    ]
    write(folder, "orders/part-1.json", rows[:200])
    write(folder, "orders/part-2.json.gz", rows[200:])
    write(
        folder,
        "order_lines.json",
        (
            {
                "order_id": order,
                "line": line,
                "sku": chance.choice(products),
                "quantity": chance.randrange(1, 5),
                "price": chance.randrange(100, 9999) / 100,
            }
            for order in orders
            for line in range(1, chance.randrange(2, 5))
        ),
    )


def devices(folder: Path, chance: random.Random) -> None:
    """Devices, and what they measure: nested values, lists, and a field of several kinds."""
    names = [f"dev-{i:02}" for i in range(12)]
    write(
        folder,
        "devices.json",
        ({"device": name, "place": {"lat": 48.1 + i / 100, "lon": 11.5}} for i, name in enumerate(names)),
    )
    write(
        folder,
        "readings.json",
        (
            {
                "device_id": chance.choice(names) if n % 3 else names[n % 12],
                "ts": f"{START + timedelta(seconds=40 * n, microseconds=n):%Y-%m-%d %H:%M:%S.%f}",
                "firmware": "1.20",
                "measures": {
                    "celsius": round(chance.gauss(20, 4), 3),
                    "volts": chance.choice([3, 3.3]),
                    "axes": [chance.randrange(-9, 9) for _ in range(3)],
                },
                "tags": chance.sample(["roof", "north", "new"], chance.randrange(3)),
                "error": chance.choice([None, None, 17, "E-17", {"code": 17}]),
                "battery": chance.randrange(101),
            }
            for n in range(900)
        ),
    )


def code_events(folder: Path, chance: random.Random) -> None:
    """Events with a payload that differs by type."""
    payloads: dict[str, Callable[[], dict[str, Any]]] = {
        "PushEvent": lambda: {"push_id": chance.randrange(10**10), "size": chance.randrange(9), "ref": "refs/heads/x"},
        "WatchEvent": lambda: {"action": "started"},
        "IssuesEvent": lambda: {"action": "opened", "issue": {"number": chance.randrange(999), "labels": ["bug"]}},
        "ForkEvent": lambda: {"forkee": {"full_name": "a/b", "private": False}},
        "CreateEvent": lambda: {"ref_type": "branch", "master_branch": "main", "description": None},
    }

    def event(n: int) -> dict[str, Any]:
        kind = chance.choice(list(payloads))
        return {
            "id": str(40_000_000_000 + n * 7),
            "type": kind,
            "actor": {"id": chance.randrange(10**6), "login": f"user{n % 50}", "display-name": "x"},
            "repo": {"id": n % 30, "name": f"org/repo{n % 30}"},
            "payload": payloads[kind](),
            "public": True,
            "created_at": f"{START + timedelta(seconds=100 * n):%Y-%m-%dT%H:%M:%SZ}",
            "delivery": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "org": {"id": 1, "login": "org"} if n % 4 == 0 else None,
            "@version": 1,
        }

    write(folder, "events.ndjson", (event(n) for n in range(800)))


FEEDS: dict[str, Callable[[Path, random.Random], None]] = {
    "web_shop": web_shop,
    "devices": devices,
    "code_events": code_events,
}
