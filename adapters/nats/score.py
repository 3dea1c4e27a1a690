"""Scores in real time: the API asks over NATS, a worker that has the models at hand answers."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Raw, Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError

from adapters.nats import subjects
from adapters.nats.link import Link
from application.ports import Unanswered
from domain.kernel import Refused

QUEUE = "scorers"

T = TypeVar("T")
Handler = Callable[[UUID, bytes], Any]
"""Given the tenant and the request's JSON; what it returns is encoded as JSON. It may raise `Refused` or `Unanswered`.
Called from several threads."""

_log = logging.getLogger(__name__)


class Problem(Struct, frozen=True, omit_defaults=True):
    code: str
    details: dict[str, Any] = {}
    retry: int = 0
    """Seconds; set where nobody could answer just now, zero where the question was refused."""


class Reply(Struct, frozen=True, omit_defaults=True):
    """Either an answer or a problem."""

    answer: Raw = Raw()
    problem: Problem | None = None


class Scorer:
    """`application.ports.Scorer` over NATS. Build it before the link starts or after; `wait` is in seconds."""

    def __init__(self, link: Link, wait: float = 2) -> None:
        self._link = link
        self._wait = wait

    async def score(self, tenant: UUID, payload: Any, type: type[T]) -> T:
        """Ask, from any loop.

        Raises:
            Unanswered: no worker answered in time.
            Refused: the worker says why.
        """
        asked = self._link.begin(self._ask(subjects.score(tenant), msgspec.json.encode(payload)))
        reply = await asyncio.wrap_future(asked)
        if reply.problem is None:
            return msgspec.json.decode(reply.answer, type=type)
        if reply.problem.retry:
            raise Unanswered(reply.problem.retry)
        raise Refused(reply.problem.code, **reply.problem.details)

    async def _ask(self, subject: str, payload: bytes) -> Reply:
        if (client := self._link.client) is None:
            raise Unanswered
        try:
            answer = await client.request(subject, payload, timeout=self._wait)
            return msgspec.json.decode(answer.data, type=Reply)
        except NoRespondersError as problem:
            raise Unanswered from problem
        except (Error, OSError, TimeoutError) as problem:
            raise Unanswered from problem


def serve_scores(link: Link, handler: Handler, parallel: int = 2) -> None:
    """Answer requests for scores on every connection, up to `parallel` at once. Call it before the link starts."""

    async def work(client: Client) -> None:
        free = asyncio.Semaphore(parallel)
        tasks: set[asyncio.Task[None]] = set()

        async def asked(message: Msg) -> None:
            await free.acquire()
            task = asyncio.create_task(_answer(message, handler))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            task.add_done_callback(lambda _: free.release())

        await client.subscribe("everlog-score.*", queue=QUEUE, cb=asked)

    link.resident(work)


async def _answer(message: Msg, handler: Handler) -> None:
    reply = await asyncio.to_thread(_handled, handler, message)
    try:
        await message.respond(msgspec.json.encode(reply))
    except (Error, OSError) as problem:
        _log.warning("A score could not be delivered (%s).", type(problem).__name__)


def _handled(handler: Handler, message: Msg) -> Reply:
    try:
        found = handler(subjects.tenant(message.subject), message.data)
        return Reply(Raw(msgspec.json.encode(found)))
    except Refused as refusal:
        return Reply(problem=Problem(refusal.code, refusal.details))
    except Unanswered as problem:
        return Reply(problem=Problem("scores.unanswered", retry=problem.seconds))
    except msgspec.ValidationError:
        return Reply(problem=Problem("scores.malformed"))
    except Exception:  # noqa: BLE001 - whoever asked gets an answer, and the next one too
        _log.exception("Scoring failed.")
        return Reply(problem=Problem("scores.failed", retry=1))
