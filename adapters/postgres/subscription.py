"""A tenant's events as they are recorded, for the library's followers in this process."""

from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.persistence import Notification
from eventsourcing.persistence import Subscription as Follower

from adapters.postgres.committer import Committer

if TYPE_CHECKING:
    from adapters.postgres.recorder import Recorder

_PAGE = 500
_POLL = 1.0
"""Seconds after which it looks without being woken: another process may have appended."""


class Subscription(Follower["Recorder"]):
    """Woken by this process's own committer; no thread and no connection of its own."""

    def __init__(self, recorder: "Recorder", committer: Committer, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._tenant = recorder.tenant
        self._woken = Event()
        self._ready: deque[Notification] = deque()
        self._unwatch = committer.watch(self._wake)

    def stop(self) -> None:
        if not self._has_been_stopped:
            self._unwatch()
        super().stop()
        self._woken.set()

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if not self._ready:
                self._woken.clear()
                self._ready.extend(self._more())
            if self._ready:
                notification = self._ready.popleft()
                self._last_notification_id = notification.id
                return notification
            self._woken.wait(_POLL)
        raise StopIteration

    def _more(self) -> Sequence[Notification]:
        return self._recorder.select_notifications(
            self._last_notification_id or 0, _PAGE, topics=self._topics, inclusive_of_start=False
        )

    def _wake(self, tenant: UUID, _generation: int, _last: int) -> None:
        if tenant == self._tenant:
            self._woken.set()
