"""The cache: its limit, and that it builds a result once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboards.store.cache import Cache


def test_the_least_recently_used_result_goes_first() -> None:
    cache, built = Cache(2), list[str]()

    def get(key: str) -> str:
        def build() -> str:
            built.append(key)
            return key

        return cache.get(key, build, lambda _: 1)

    assert [get(key) for key in "abacb"] == list("abacb")
    assert built == list("abcb")


def test_a_result_larger_than_the_limit_is_returned_and_drives_out_nothing() -> None:
    cache = Cache(10)
    assert cache.get("small", lambda: "kept", lambda _: 5) == "kept"
    assert cache.get("large", lambda: "first", lambda _: 11) == "first"
    assert cache.get("large", lambda: "second", lambda _: 11) == "second"
    assert cache.get("small", lambda: "built again", lambda _: 5) == "kept"


def test_threads_that_ask_at_once_build_a_result_once() -> None:
    cache, built, go = Cache(10), [], threading.Event()

    def build() -> str:
        built.append(1)
        assert go.wait(10)
        return "found"

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(cache.get, "key", build, lambda _: 1) for _ in range(4)]
        go.set()
        assert [answer.result(10) for answer in answers] == ["found"] * 4
    assert built == [1]


def test_a_result_that_failed_is_built_again() -> None:
    cache = Cache(10)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 / 0, lambda _: 1)
    assert cache.get("key", lambda: 1.0, lambda _: 1) == 1
    with pytest.raises(ZeroDivisionError):
        cache.get("other", lambda: 1, lambda _: 1 // 0)
    assert cache.get("other", lambda: 2, lambda _: 1) == 2


def test_one_result_may_need_another() -> None:
    cache = Cache(10)
    assert cache.get("outer", lambda: cache.get("inner", lambda: 1, lambda _: 1) + 1, lambda _: 1) == 2
