"""The cache: its limit, and that a result is built once."""

from dashboards.store.cache import Cache


def test_recent_forgets_the_oldest() -> None:
    recent, made = Cache(2), []

    def get(key: str) -> str:
        return recent.get(key, lambda: made.append(key) or key, lambda _: 1)

    assert [get(key) for key in "abacb"] == list("abacb")
    assert made == list("abcb")
