"""`POST /predict`: from a request's bytes to the answer's, as a plain ASGI application.

FastAPI would make a pydantic model of every request, which takes longer than the prediction. What the service's
document says of this path belongs in `document`.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from starlette.types import Receive, Scope, Send

from serving import body, records
from serving.follow import Follower, Served

AT_ONCE = 20
"""So many records are predicted in the server's own thread: handing them to another one would take longer."""
NO_MODEL = "There is no model to predict with yet: GET /health says why. Try again later."
PLAIN, CLOSE = ((b"content-type", b"application/json"),), (b"connection", b"close")


class Predict:
    """Answers with the model that is in force when a request's body has arrived."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, answer = await self._answer(scope, receive)
        await reply(send, status, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, object]:
        try:
            raw = await body.read(scope, receive)
            served = self._follower.served
            if served is None:
                return 503, {"error": NO_MODEL}
            payload = records.parse(raw)
            asked = served.checker.records(payload)
        except body.Refused as error:
            return error.status, {"error": str(error)}
        except records.NoJson as error:
            return 400, {"error": str(error)}
        except records.Unfit as error:
            return 422, {"error": str(error), "problems": [asdict(problem) for problem in error.problems]}
        if len(asked) <= AT_ONCE:
            found = served.predictor.predict(asked)
        else:
            found = await asyncio.to_thread(served.predictor.predict, asked)
        return 200, _told(served, found, one=payload is not asked)


def _told(served: Served, found: Sequence[float], *, one: bool) -> Mapping[str, object]:
    threshold, model = served.version.threshold, {"name": served.version.model, "version": served.version.version}
    told = [{"probability": value, "decision": value >= threshold} for value in found]
    return {**told[0], "model": model} if one else {"predictions": told, "model": model}


async def reply(send: Send, status: int, answer: object) -> None:
    """Send an answer as JSON."""
    content = json.dumps(answer).encode()
    headers = [*PLAIN, (b"content-length", str(len(content)).encode())]
    if status == 408:
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
