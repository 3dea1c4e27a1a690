"""The rules of deploy/alerts.yaml over what the processes of a running product tell Prometheus."""

import re

import httpx2
import pytest
from ruamel.yaml import YAML

from tests.adapters.supervising import ROOT
from tests.waiting import until

WORDS = {"absent", "by", "histogram_quantile", "le", "max", "min", "or", "rate", "sum", "unless"}
"""Of the query language; whatever else stands in an expression is a metric."""
NO_NAMES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)")
WORKERS = 3


def rules(text):
    return [rule for group in YAML(typ="safe", pure=True).load(text)["groups"] for rule in group["rules"]]


def named(rule):
    return set(re.findall(r"[a-zA-Z_]\w*", NO_NAMES.sub(" ", rule["expr"]))) - WORDS


def unknown(rules, told):
    """Rules over what nobody tells: they would be silent for ever."""
    return {rule["alert"] for rule in rules if not named(rule) or named(rule) - told}


def metrics(text):
    """The names of series in what one process tells, those too that have none yet."""
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        yield from (f"{name}_{part}" for part in ("bucket", "sum", "count")) if kind == "histogram" else (name,)


def asked(port):
    try:
        return [httpx2.get(f"http://127.0.0.1:{port}/metrics").text]
    except httpx2.TransportError:
        return []


@pytest.fixture(scope="module")
def told(house):
    first = int(house.environment["EVERLOG_METRICS_PORT"])
    texts = until(lambda: len(found := [text for n in range(10) for text in asked(first + n)]) >= WORKERS and found)
    return {name for text in [*texts, *asked(house.port)] for name in metrics(text)}


@pytest.fixture(scope="module")
def text():
    return (ROOT / "deploy" / "alerts.yaml").read_text()


def test_whatever_is_alarmed_by_is_told(text, told):
    assert unknown(rules(text), told) == set()
    assert {name for rule in rules(text) for name in named(rule)} >= {
        "everlog_check_age_seconds",
        "everlog_check_failed_tenants",
        "everlog_check_unsound_tenants",
        "everlog_destination_lag_seconds",
        "everlog_disk_free_ratio",
        "everlog_seal_seconds_bucket",
    }


@pytest.mark.parametrize(
    ("whole", "broken", "alert"),
    [
        ("max(everlog_check_unsound_tenants)", "max(everlog_check_unsound)", "EverlogRecordNotSound"),
        ("(everlog_seal_seconds_bucket[10m])", "(everlog_seal_seconds[10m])", "EverlogSealLate"),
        ("(everlog_disk_free_ratio)", "(node_filesystem_avail_bytes)", "EverlogDiskFull"),
    ],
)
def test_control_a_rule_over_what_nobody_tells_is_found(text, told, whole, broken, alert):
    assert text.count(whole) == 1
    assert unknown(rules(text.replace(whole, broken)), told) == {alert}


def test_every_rule_says_how_grave_it_is_and_what_to_do(text):
    for rule in rules(text):
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule
        assert rule["annotations"]["summary"], rule
        assert (ROOT / rule["annotations"]["runbook"]).is_file(), rule
    assert len({rule["alert"] for rule in rules(text)}) == len(rules(text))
