"""What happens to every request: counted, authenticated, answered; and whatever goes wrong told as a problem."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from math import ceil
from time import monotonic
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import msgspec
from litestar.exceptions import ClientException
from msgspec import Struct

from api import problems
from api.call import Call
from api.inbound import Headers, Inbound, Put, Reply
from api.personal import Eyes
from api.problems import Problem
from api.route import Route
from application.api_keys import Unauthenticated
from application.deliveries import Deliveries
from application.entry import Entry
from application.fresh import Fresh
from application.kernel import Caller
from application.pipeline import Pipeline, Rejected
from application.ports import Journal, Logs, Scorer, Unanswered
from application.predictions import Recomputed
from application.proofs import Proofs
from domain.kernel import Actor, Circumstances, Decider, Refused
from domain.predictions import Made
from projections.reports import Report
from tenants.quotas import Quota, Verdict

HEADERS = 100
"""Headers that a request may have."""
ATTEMPTS = 60
"""Wrong keys a minute that an address may present and be told that they are wrong."""
LOOKS = 10
"""Keys a second that are looked up, in a process, for addresses which have presented more than that."""
BUSY = 128
"""Requests of one tenant that a process works on at once."""

UNAUTHORIZED, TOO_LARGE, INTERNAL = 401, 413, 500
REASON = re.compile(r"[ -~]{0,500}")
BEHALF = re.compile(r"user:([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})")
SESSION = re.compile(r"[A-Za-z0-9._:-]{0,100}")

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Edge:
    """What handlers reach: the pipeline, the logs and the models; and `answer`, which every endpoint goes through.

    `documents` write a report as a file, by its format. `troubles` are known ones, by the code that each is
    told by; the first that fits counts. `controller` is who persons are told answers for their data.
    """

    def __init__(  # noqa: PLR0913 - bootstrap joins it, once, and each is something else
        self,
        pipeline: Pipeline,
        entry: Entry,
        logs: Logs,
        scorer: Scorer,
        deciders: Mapping[str, Decider[Any]],
        quota: Quota,
        proofs: Proofs,
        journal: Journal,
        *,
        documents: Mapping[str, Callable[[Report], bytes]] = MappingProxyType({}),
        deliveries: Deliveries | None = None,
        again: Callable[[UUID, Made], Recomputed | None] | None = None,
        trace: Callable[[], str] = str,
        granted: Callable[[UUID], Awaitable[None]] | None = None,
        troubles: Mapping[str, tuple[type[Exception], ...]] = MappingProxyType({}),
        controller: str = "",
    ) -> None:
        self.pipeline = pipeline
        self.logs = logs
        self.scorer = scorer
        self.proofs = proofs
        self.again = again
        self.learning = asyncio.Lock()
        """Held while a model is folded anew: two at once would leave the other requests nothing of the processor."""
        self.deciders = deciders
        self.documents, self.controller = documents, controller
        self._deliveries = deliveries
        self.eyes = Eyes(pipeline, logs, journal, lambda: self._serving)
        self._generations: Fresh[UUID, int] = Fresh(self._look)
        self._entry = entry
        self._quota = quota
        self._attempts = Quota(ATTEMPTS)
        self._looks = Quota(LOOKS, 1.0)
        self._busy: dict[UUID, int] = {}
        self._serving = 0
        self._trace = trace
        self._granted = granted
        self._troubles = troubles

    @property
    def deliveries(self) -> Deliveries:
        if self._deliveries is None:
            raise RuntimeError("This edge was joined to no deliveries.")
        return self._deliveries

    async def generation(self, tenant: UUID) -> int:
        """Of the tenant's log, as of a moment ago."""
        return await self._generations.get(tenant)

    async def _look(self, tenant: UUID) -> int:
        return (await asyncio.to_thread(self.logs.of(tenant).head))[0]

    async def answer(self, route: Route, inbound: Inbound) -> Reply:
        id = uuid4()
        headers: Headers = []
        try:
            reply = await self._serve(route, inbound, id, headers)
        except Exception as problem:  # noqa: BLE001 - every failure is told as a problem
            reply = self.told(problem, id)
        return reply._replace(headers=[*headers, *reply.headers])

    def told(self, problem: Exception, id: UUID) -> Reply:
        """The answer to whatever went wrong."""
        known = self._known(problem)
        if known.status == INTERNAL:
            _log.error("Request %s failed.", id, exc_info=problem)
        headers: Headers = []
        if known.retry is not None:
            headers.append(("Retry-After", str(max(1, ceil(known.retry)))))
        if known.position is not None:
            headers.append(("Everlog-Position", f"{known.generation}:{known.position}"))
        if known.status == UNAUTHORIZED:
            headers.append(("WWW-Authenticate", 'Bearer realm="everlog"'))
        return Reply(problems.encode(known.told(id)), known.status, headers, problems.MEDIA)

    async def admit(self, inbound: Inbound, id: UUID, headers: Headers) -> Caller:
        """Who asks: counted before anything is looked up. Raises `Problem` and `Unauthenticated`."""
        scheme, _, text = (inbound.header(b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Problem("auth.missing")
        now = monotonic()
        # By the whole text, so that who knows a key's name cannot use up its rate.
        verdict = self._quota.take(blake2b(text.encode(), digest_size=16).digest(), now)
        headers += _rate(verdict, self._quota)
        if not verdict.allowed:
            self._entry.unheard(text, Circumstances(ip=inbound.address), "quota.exceeded")
            raise Problem("quota.exceeded", retry=verdict.retry)
        behalf = _behalf(inbound)
        caller = await self._entered(text, inbound, now)
        await self.must_be_granted(caller.tenant)
        caller = msgspec.structs.replace(caller, on_behalf_of=behalf, correlation=id, trace=self._trace())
        await self._entry.seen(caller)
        return caller

    async def _entered(self, text: str, inbound: Inbound, now: float) -> Caller:
        """Whoever has a key comes in, however many wrong ones came from the same address: others may share it.

        Raises `Problem` and `Unauthenticated`.
        """
        address = inbound.address
        circumstances = _circumstances(inbound, address)
        attempts = self._attempts.take(address, now, 0) if self._attempts.counted(address) else None
        over = None if attempts is None or attempts.remaining else Problem("auth.attempts", retry=attempts.retry)
        # Looking costs something: a stranger's guesses must not make it cost more and more.
        if over and not self._entry.known(text) and not self._looks.take(None, now).allowed:
            self._entry.unheard(text, circumstances, over.code)
            raise over
        try:
            return await self._entry.admit(text, circumstances)
        except Unauthenticated as stranger:
            if over:
                raise over from stranger
            self._attempts.take(address, now)
            raise

    def limited(self, caller: Caller, code: str) -> None:
        """Count one who is known and asked for more than a key may."""
        self._entry.limited(caller, code)

    async def must_be_granted(self, tenant: UUID) -> None:
        """Raises `Problem` where whoever owns the organisation's keys does not let it be read."""
        if self._granted is None:
            return
        try:
            await self._granted(tenant)
        except Exception as problem:
            raise self._known(problem) from problem

    async def _serve(self, route: Route, inbound: Inbound, id: UUID, headers: Headers) -> Reply:
        if inbound.count > HEADERS:
            raise Problem("request.headers")
        if route.permission is None:
            return await route.serve(self, Call(inbound, id, NOBODY))
        began = monotonic()
        caller = await self.admit(inbound, id, headers)
        spent = monotonic() - began
        busy = self._busy.get(caller.tenant, 0)
        if busy >= BUSY:
            raise Problem("tenants.busy", retry=1)
        self._busy[caller.tenant] = busy + 1
        self._serving += 1
        try:
            body = await _body(route, inbound)
            reply = await route.serve(self, Call(inbound, id, caller, body, spent))
            return self._while_granted(caller.tenant, reply)
        finally:
            self._release(caller.tenant)

    def _while_granted(self, tenant: UUID, reply: Reply) -> Reply:
        """Of an answer that is sent part by part, no part leaves any more once the keys are taken back."""
        if (stream := reply.stream) is None:
            return reply

        async def sent(put: Put) -> None:
            async def granted(part: bytes) -> None:
                await self.must_be_granted(tenant)
                await put(part)

            await stream(granted)

        return reply._replace(stream=sent)

    def _release(self, tenant: UUID) -> None:
        self._serving -= 1
        if self._busy[tenant] > 1:
            self._busy[tenant] -= 1
        else:
            del self._busy[tenant]

    def _known(self, problem: Exception) -> Problem:
        match problem:
            case Problem():
                known = problem
            case Rejected():
                known = Problem.of(problem)
            case Refused():
                known = Problem(problem.code, details=problem.details)
            case Unauthenticated():
                known = Problem(problem.code)
            case Unanswered():
                known = Problem(problem.code, retry=problem.seconds)
            case ClientException():
                known = Problem("request.too-large" if problem.status_code == TOO_LARGE else "request.malformed")
            case _:
                codes = (code for code, kinds in self._troubles.items() if isinstance(problem, kinds))
                known = Problem(next(codes, "internal"))
        return known


NOBODY = Caller(tenant=UUID(int=0), actor=None)  # type: ignore[arg-type]  # public endpoints ask for no caller


def reply(content: Struct | dict[str, Any], status: int = 200, headers: Headers | None = None) -> Reply:
    return Reply(_encode(content), status, headers or [])


async def _body(route: Route, inbound: Inbound) -> bytes:
    if route.body is None:
        return b""
    media = (inbound.header(b"content-type") or "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem("request.media-type")
    return await inbound.body(route.limit)


def _rate(verdict: Verdict, quota: Quota) -> Headers:
    return [
        ("RateLimit-Policy", f'"key";q={quota.limit};w={quota.window:.0f}'),
        ("RateLimit", f'"key";r={verdict.remaining};t={verdict.reset:.0f}'),
    ]


def _circumstances(inbound: Inbound, address: str) -> Circumstances:
    reason = inbound.header(b"everlog-reason") or ""
    if not REASON.fullmatch(reason):
        raise Problem("request.header", "Everlog-Reason takes up to 500 printable ASCII characters.")
    session = inbound.header(b"everlog-session") or ""
    if not SESSION.fullmatch(session):
        raise Problem("request.header", "Everlog-Session takes up to 100 letters, digits, `-`, `_`, `.` and `:`.")
    agent = (inbound.header(b"user-agent") or "")[:300]
    return Circumstances(ip=address, session=session, agent=agent, reason=reason)


def _behalf(inbound: Inbound) -> Actor | None:
    """For whom the client says that it asks. An identifier, since it stands in the log in the clear."""
    if not (given := inbound.header(b"everlog-on-behalf-of")):
        return None
    if not (found := BEHALF.fullmatch(given)):
        raise Problem("request.header", "Everlog-On-Behalf-Of takes `user:` and a UUID: an identifier, and no name.")
    return Actor("user", UUID(found[1]))
