"""The OpenAPI document is right: what it allows is answered, what it does not is refused, and nothing is a 500."""

import random

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import Case, GenerationMode

from tpch_assets_tests.serving.served import Served

EXAMPLES = 25
SEED = random.randrange(2**32)


# Threads of the server and of the client use `random` meanwhile, which Hypothesis takes for a strategy that does.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "refused"])
def test_the_server_does_what_its_document_says(served: Served, mode: GenerationMode) -> None:
    print(f"seed {SEED}")  # noqa: T201 - shown if the test fails
    document = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    operations = [document["/predict"]["POST"], document["/health"]["GET"], document["/model"]["GET"]]
    assert len(list(document.get_all_operations())) == len(operations)
    codes = _asked(operations[0], mode, EXAMPLES)
    assert codes == {200} if mode is GenerationMode.POSITIVE else codes <= set(range(400, 500))
    if mode is GenerationMode.POSITIVE:
        assert [_asked(operation, mode, 1) for operation in operations[1:]] == [{200}, {200}]


def _asked(operation: schemathesis.APIOperation, mode: GenerationMode, examples: int) -> set[int]:
    """The statuses of answers to made-up requests, each checked against the document."""
    codes = set[int]()

    @seed(SEED)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(mode))
    def ask(case: Case) -> None:
        codes.add(case.call_and_validate().status_code)

    ask()
    return codes
