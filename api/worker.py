"""`everlog worker`: keeps views, publishes to NATS, learns, seals, checks, delivers; each in threads of its own."""

import signal
import threading
from collections.abc import Sequence

from api import bootstrap
from api.settings import Settings, Unset

PARTS = ("views", "relay", "learning", "seal", "check", "deliver")


def run(settings: Settings, parts: Sequence[str] = PARTS) -> None:
    """Work until SIGINT or SIGTERM. Raises `Unset` for a part that does not exist."""
    if unknown := set(parts) - set(PARTS):
        raise Unset(f"A worker has the parts {', '.join(PARTS)}, and no {', '.join(sorted(unknown))}.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with bootstrap.product(settings, "worker", worker=True) as product:
        if "relay" in parts:
            bootstrap.relay(product)
        makers = {
            "views": bootstrap.views,
            "learning": bootstrap.learning,
            "check": bootstrap.checking,
        }
        threads = [makers[part](product, stop) for part in parts if part in makers]
        if "views" in parts:
            # It clears the views' rows, and waits for them: wherever they are kept, it is at work too.
            threads += [
                bootstrap.erasing(product, stop),
                bootstrap.reporting(product, stop),
                bootstrap.keeping(product, stop),
            ]
        if "seal" in parts:
            threads += bootstrap.sealing(product, stop) + bootstrap.witnessing(product, stop)
        if "deliver" in parts:
            threads += bootstrap.delivering(product, stop)
        product.link.start()
        for thread in threads:
            thread.start()
        stop.wait()
        for thread in threads:
            thread.join(20)
