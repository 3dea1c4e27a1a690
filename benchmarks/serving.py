"""A server in a process of its own, and a client in another that asks it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx2
import msgspec

from benchmarks.client import Load, Met

HOST = "127.0.0.1"


@contextmanager
def serving(
    arguments: Sequence[str], port: int, environment: Mapping[str, str], ready: str, headers: Mapping[str, str]
) -> Iterator[int]:
    """A server, started as `python -m`, whose answer to the path `ready` shows that it serves on the port."""
    server = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://{HOST}:{port}{ready}", headers, server)
        yield port
    finally:
        server.terminate()
        server.wait()


def ask(load: Load) -> Met:
    """Raises `RuntimeError` where not every answer was one of success."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.client"],
        input=msgspec.json.encode(load),
        capture_output=True,
        timeout=load.seconds + 60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the client failed: {done.stderr.decode()[-2000:]}")
    met = msgspec.json.decode(done.stdout, type=Met)
    if met.others:
        raise RuntimeError(f"{met.others} answers told of no success")
    return met


def _wait(url: str, headers: Mapping[str, str], server: subprocess.Popen[bytes]) -> None:
    deadline, met = time.monotonic() + 30, "no answer"
    while time.monotonic() < deadline and server.poll() is None:
        try:
            answer = httpx2.get(url, headers=dict(headers), timeout=5)
        except httpx2.HTTPError:
            time.sleep(0.05)
            continue
        if answer.status_code == httpx2.codes.OK:
            return
        met = f"{answer.status_code} {answer.text[:500]}"
        time.sleep(0.2)
    raise RuntimeError(f"{url}: {met}")
