"""A collector over HTTP, and an object store that checks signatures itself: RFC 9110; AWS Signature Version 4."""

import hmac
import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct


class Got(Struct, frozen=True):
    method: str
    path: str
    headers: dict[str, str]
    """With names in lower case."""
    body: bytes


class Collector:
    """Answers with `status`; what it has accepted is in `got`. `judge` says otherwise where it knows better."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[Got] = []
        self.tried = 0
        self.judge: Callable[[Got], int] = lambda _: 0
        self.port = 0

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for each in self.got for line in each.body.splitlines()]

    @property
    def positions(self) -> list[int]:
        return [each["unmapped"]["position"] for each in self.records]

    def answer(self, got: Got) -> int:
        self.tried += 1
        status = self.judge(got) or self.status
        if status == 200:
            self.got.append(got)
        return status


C = TypeVar("C", bound=Collector)


@contextmanager
def running(collector: C, identity: tuple[Any, Any] | None = None, senders: Any = None) -> Iterator[C]:
    """With files of a certificate and its key it speaks TLS; with one of authorities, only with whom they vouch for."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            self.send_response(collector.answer(Got(self.command, self.path, headers, body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if identity:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*identity)
        if senders:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(senders)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Store(Collector):
    """A bucket: what was put, by its path. A request that is not signed with the secret is refused as S3 does, by 403;
    one whose body is not what its digests say, by 400.
    """

    def __init__(self, account: str, secret: str, region: str) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self._account, self._secret, self._region = account, secret, region
        self.judge = self._judged

    def _judged(self, got: Got) -> int:
        if self.status != 200:
            return self.status
        if not signed(got, self._account, self._secret, self._region):
            return 403
        digest = sha256(got.body)
        if got.headers["x-amz-content-sha256"] != digest.hexdigest():
            return 400
        if got.headers["x-amz-checksum-sha256"] != b64encode(digest.digest()).decode():
            return 400
        self.objects[got.path] = got.body
        return 0


def signed(got: Got, account: str, secret: str, region: str) -> bool:
    """Step by step as "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)" has it."""
    algorithm, _, rest = got.headers.get("authorization", "").partition(" ")
    told = dict(part.strip().split("=", 1) for part in rest.split(","))
    named, date, there, service, end = told["Credential"].split("/")
    names = told["SignedHeaders"].split(";")
    path, query = urlsplit(got.path).path, urlsplit(got.path).query
    pairs = sorted(part.partition("=")[::2] for part in query.split("&") if part)
    task = [
        got.method,
        quote(unquote(path), safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(got.headers[name].split())}" for name in names),
        "",
        ";".join(names),
        got.headers["x-amz-content-sha256"],
    ]
    scope = f"{date}/{there}/{service}/{end}"
    text = "\n".join([algorithm, got.headers["x-amz-date"], scope, sha256("\n".join(task).encode()).hexdigest()])
    key = b"AWS4" + secret.encode()
    for part in (date, there, service, end):
        key = hmac.new(key, part.encode(), sha256).digest()
    expected = hmac.new(key, text.encode(), sha256).hexdigest()
    required = {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names) and names == sorted(names)
    here = (algorithm, named, there, service, end) == ("AWS4-HMAC-SHA256", account, region, "s3", "aws4_request")
    return required and here and hmac.compare_digest(expected, told["Signature"])
