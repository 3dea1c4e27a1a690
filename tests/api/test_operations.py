"""What needs no key: health, metrics, the document and its pages; and the headers on everything."""

import pytest


def test_it_is_alive_and_ready(world):
    assert world.ask("GET", "/healthz").json() == {"status": "alive"}
    ready = world.ask("GET", "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "checks": {"database": ""}})


def test_metrics_are_prometheus_text(world):
    answer = world.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE " in answer.text


def test_the_pages_are_pages(world):
    for path in ("/docs", "/docs/errors"):
        page = world.ask("GET", path)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.text.startswith("<!doctype html>")


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/nothing", "/v1/prospects"])
def test_every_answer_has_its_security_headers(world, path):
    headers = world.ask("GET", path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Access-Control-Allow-Origin" not in headers
    assert "Cache-Control" in headers


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/v1/prospects", "/nothing"])
def test_head_answers_as_get_does_without_the_body(world, path):
    whole, head = world.ask("GET", path), world.ask("HEAD", path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]
    assert head.headers["Content-Length"] == str(len(whole.content))


def test_a_browser_of_another_origin_is_not_let_in(world):
    origin = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = world.ask("OPTIONS", "/v1/prospects", headers=origin)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
