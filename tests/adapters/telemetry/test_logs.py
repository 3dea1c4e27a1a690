"""Log lines hold no person and no secret, and cannot be forged."""

import io
import json
import logging
from uuid import UUID, uuid4

import psycopg
import pytest
import structlog
from structlog.contextvars import bind_contextvars

from adapters.telemetry import Traces, configure, scrub

CANARY = "Ada Lovelace"
MAIL = "ada@example.org"
KEY = "everlog_" + "2aadlawjznff7c6mn2ts5xqi4u_" + "2bn53syls5hqvpmjg7tj5zwvuu_secret"
URL = "postgresql://everlog_app:hunter2@localhost/everlog"


def fail(words):
    raise ValueError(words)


def caught(words):
    try:
        fail(words)
    except ValueError as error:
        return error


def speak(words):
    """Every way in which a line can come to hold what it must not."""
    ours, theirs, structured = (
        logging.getLogger("adapters.x"),
        logging.getLogger("strange.x"),
        structlog.get_logger("x"),
    )
    structured.info("asked", name_of_person=words, body={"name": words}, problem=caught(words))
    structured.error("failed", exc_info=caught(words))
    ours.warning("failed: %s", caught(words))
    ours.error("failed", exc_info=caught(words))
    ours.info("object %r", {"name": words})
    theirs.warning(f"failed for {words}")
    theirs.warning("failed for %s", words)
    theirs.warning("failed for %(who)s", {"who": words})
    theirs.error("failed", exc_info=caught(words))


def test_no_line_holds_a_person(lines):
    speak(CANARY)
    assert len(lines()) == 9
    assert CANARY not in json.dumps(lines())


def test_a_sentence_that_its_values_do_not_fit_is_told_without_them():
    assert scrub.message("api.x", "number %d", (CANARY,)) == "number %d"
    assert scrub.message("api.x", "%s and %s", (CANARY,)) == "%s and %s"


@pytest.mark.parametrize("secret", [MAIL, KEY, URL, f"Bearer {KEY}", "password=hunter2", f"/v1/prospects?email={MAIL}"])
def test_what_looks_like_a_secret_is_taken_out_of_our_own_words_too(lines, secret):
    logging.getLogger("api.x").warning("what came was %s", secret)
    structlog.get_logger().warning(f"what came was {secret}", route=secret)
    told = json.dumps(lines())
    assert len(lines()) == 2
    assert not any(part in told for part in ("ada@", "hunter2", "_secret"))


def test_without_the_scrubbing_the_canary_is_found(lines, monkeypatch):
    """The control: the same words through lines that are not scrubbed."""
    monkeypatch.setattr(scrub, "message", lambda _, template, given: str(template) % given if given else str(template))
    speak(CANARY)
    assert CANARY in json.dumps(lines())


FORGED = 'x\n{"event": "forged", "level": "info"}\r\n\x0b\x0c\x1b[2J\x00\x1c\x85\u2028\u2029"}'


def test_a_line_cannot_be_forged(lines):
    """In no field that a line may have, nor in a sentence, nor in the name of a logger or a field."""
    for key in sorted(scrub.KEYS - {"event"}):
        structlog.get_logger().warning("fields", **{key: FORGED})
    structlog.get_logger().warning(FORGED, **{FORGED: 1})
    logging.getLogger("api.x").warning("what came was %s", FORGED)
    logging.getLogger(f"api.{FORGED}").error(FORGED, exc_info=caught(FORGED))
    assert len(lines()) == len(scrub.KEYS) + 2
    assert "forged" not in {line["event"] for line in lines()}


def test_control_a_line_that_is_no_json_is_forged():
    handler = logging.StreamHandler(written := io.StringIO())
    handler.emit(logging.LogRecord("api.x", logging.WARNING, "", 0, "what came was %s", (FORGED,), None))
    assert json.loads(written.getvalue().splitlines()[1])["event"] == "forged"


def test_lines_name_tenant_actor_and_trace(lines):
    tenant = uuid4()
    bind_contextvars(tenant=str(tenant), actor=f"key:{UUID(int=1)}")
    traces = Traces("api")
    configure("api", traces, stream=(written := io.StringIO()))
    with traces.span("http") as here:
        logging.getLogger("api.x").warning("something")
        structlog.get_logger().info("something else", seconds=0.5, stranger=1)
    first, second = map(json.loads, written.getvalue().splitlines())
    assert first["tenant"] == second["tenant"] == str(tenant)
    assert first["trace"] == second["trace"] == here
    assert (second["seconds"], second["withheld"], second["level"]) == (0.5, ["stranger"], "info")
    assert first["service"] == "api"


def test_an_exception_is_told_by_its_kinds_and_places(lines):
    try:
        try:
            fail(CANARY)
        except ValueError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError:
        logging.getLogger("api.x").exception("failed")
    told = lines()[0]["exception"]
    assert told[0] == "RuntimeError"
    assert "ValueError" in told
    assert any("test_logs.py" in frame and frame.endswith(" fail") for frame in told)


def test_a_database_error_is_told_by_its_code(lines, migrated):
    with psycopg.connect(migrated.addresses.app) as connection, pytest.raises(psycopg.Error) as failed:
        connection.execute("select %s::int", [CANARY])
    logging.getLogger("api.x").warning("failed (%s)", failed.value)
    [told] = [line["event"] for line in lines() if line["logger"] == "api.x"]
    assert told == "failed (InvalidTextRepresentation 22P02)"


def test_libraries_that_would_print_policies_are_quiet(lines):
    logging.getLogger("casbin.policy").info("Policy: %s", [["role:Admin", "a tenant", "everything"]])
    logging.getLogger("httpx2").info("HTTP Request: GET %s", "http://x/?email=y")
    assert lines() == []


def test_a_log_that_nobody_reads_does_no_harm():
    stream = io.StringIO()
    configure("api", stream=stream)
    stream.close()
    logging.getLogger("api.x").warning("something")
    structlog.reset_defaults()
    logging.getLogger().handlers = []
