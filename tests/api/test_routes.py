"""Nothing is reached without a permission that exists, and everything that can go wrong has its entry."""

import asyncio
import importlib
import pkgutil
import re
from typing import ClassVar

import msgspec
import pytest

import application
import projections
from api.app import CAPABILITIES, COMMANDS, routes_of
from api.problems import PROBLEMS
from api.route import Route
from application.access import name
from application.kernel import Command
from domain.access import PERMISSIONS
from projections.kernel import Query
from tests.house.sources import ROOT, python

BY_CONTENT = {"/v1/commands"}
"""Endpoints whose permission depends on what the body asks for."""
OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/errors"}
RAISED = re.compile(r'(?:Refused|Rejected|Problem|Unauthenticated)\(\s*"([a-z_]+\.[a-z-]+|contended|internal)"')


def descendants(kind):
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def everything():
    """Commands and queries of every module of these layers."""
    for layer in (application, projections):
        for module in pkgutil.walk_packages(layer.__path__, f"{layer.__name__}."):
            importlib.import_module(module.name)
    layers = ("application", "projections")
    kinds = [*descendants(Command), *descendants(Query)]
    return [kind for kind in kinds if kind.__module__.startswith(layers) and "<locals>" not in kind.__qualname__]


def unpermitted(kinds):
    return [kind.__name__ for kind in kinds if getattr(kind, "permission", None) not in PERMISSIONS]


def loose(routes):
    """Routes that a caller could reach without a permission that exists."""
    return [
        route.path
        for route in routes
        if route.permission not in PERMISSIONS
        and not (route.permission == "" and route.path in BY_CONTENT)
        and not (route.permission is None and route.path in OPEN)
    ]


def unlisted(text):
    return set(RAISED.findall(text)) - set(PROBLEMS)


def served(route) -> bytes:
    """A fixed page, which asks nothing of the edge."""
    return asyncio.run(route.serve(None, None)).body


@pytest.fixture(scope="module")
def document():
    [route] = (route for route in routes_of({}) if route.path == "/openapi.json")
    return msgspec.json.decode(served(route))


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_every_command_and_query_names_a_permission_of_the_catalogue():
    kinds = everything()
    assert len(kinds) > 20
    assert unpermitted(kinds) == []


def test_a_command_without_a_permission_is_found():
    class Forgotten(Command, frozen=True):
        pass

    class Invented(Command, frozen=True):
        permission: ClassVar = "prospects.invented"

    assert unpermitted([Forgotten, Invented, *COMMANDS]) == ["Forgotten", "Invented"]


def test_every_route_needs_a_permission_of_the_catalogue():
    assert loose(routes_of({})) == []


def test_a_route_without_a_permission_is_found():
    async def serve(edge, call):
        raise NotImplementedError

    routes = [
        Route(method="GET", path="/v1/x", operation="x", tag="x", summary="x", serve=serve, permission=permission)
        for permission in (None, "", "x.read", "prospects.read")
    ]
    assert loose(routes) == ["/v1/x"] * 3


def test_every_command_has_a_name_of_its_own():
    names = [name(kind) for kind in everything()]
    assert len(names) == len(set(names))
    assert "prospects.capture" in names


def test_every_code_that_is_raised_has_its_entry():
    adapters = (path for path in python(ROOT, "adapters") if "nats" not in path.parts)
    for path in (*python(ROOT, "domain", "application", "projections", "api"), *adapters):
        assert unlisted(path.read_text(encoding="utf-8")) == set(), path


def test_a_code_without_an_entry_is_found():
    assert unlisted('raise Refused("prospects.unheard-of", x=1)\nraise Problem(\n"internal")') == {
        "prospects.unheard-of"
    }


def test_every_code_is_in_the_reference():
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    rows = [f"| `{code}` | {kind.status} | {kind.title}. | {kind.advice} |" for code, kind in PROBLEMS.items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_the_document_describes_every_route(document):
    described = {(method.upper(), path) for method, path, _ in operations(document)}
    assert described == {(route.method, route.path) for route in routes_of({})}


def test_the_document_s_operations_have_names_of_their_own(document):
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", each) for each in names)


def test_the_document_s_references_lead_somewhere(document):
    text = msgspec.json.encode(document).decode()
    for path in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        found = document
        for part in path.split("/"):
            found = found[part]
        assert found


def test_every_operation_tells_what_can_go_wrong(document):
    for _, path, operation in operations(document):
        codes = set(operation["responses"])
        assert "431" in codes, path
        assert path in OPEN or {"401", "403", "429", "503"} <= codes, path
        assert "requestBody" not in operation or {"400", "413", "415", "422"} <= codes, path


def test_the_pages_need_no_other_host():
    pages = [served(route).decode() for route in routes_of({}) if route.path.startswith("/docs")]
    assert len(pages) == 2
    for page in pages:
        assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*['"]?(?:https?:)?//""", page)
        assert "<script" not in page


def test_the_reference_names_every_operation():
    [page] = (served(route).decode() for route in routes_of({}) if route.path == "/docs")
    assert all(f"id='{route.operation}'" in page for route in CAPABILITIES)
