"""Files stay within 300 lines and functions within 40: what rots is the tail."""

from pathlib import Path

from tests.house.sources import ROOT, functions, plant, python

FILE, FUNCTION = 300, 40
# The verifier is one file by contract: a stranger copies it and needs nothing else. It may not grow without end either.
ALONE = {"clients/verifier/everlog_verify.py": 720}


def long_files(root: Path) -> list[str]:
    sizes = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in python(root))
    return [f"{path.relative_to(root)}: {size} lines" for path, size in sizes if size > _limit(path.relative_to(root))]


def _limit(path: Path) -> int:
    return ALONE.get(path.as_posix(), FILE)


def long_functions(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{node.lineno} {node.name}: {size} lines"
        for path in python(root)
        for node in functions(path)
        if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION
    ]


def test_no_file_is_long():
    assert long_files(ROOT) == []


def test_no_function_is_long():
    assert long_functions(ROOT) == []


def test_a_long_file_is_found(tmp_path):
    plant(tmp_path, "domain/short.py", "x = 1\n" * FILE)
    plant(tmp_path, "domain/long.py", "x = 1\n" * (FILE + 1))
    assert long_files(tmp_path) == ["domain/long.py: 301 lines"]
    for name, limit in ALONE.items():
        plant(tmp_path, name, "x = 1\n" * (limit + 1))
        assert f"{name}: {limit + 1} lines" in long_files(tmp_path)


def test_a_long_function_is_found_also_within_another(tmp_path):
    body = "        x = 1\n"
    plant(tmp_path, "api/short.py", "def outer():\n    def inner():\n" + body * (FUNCTION - 2))
    plant(tmp_path, "api/long.py", "class A:\n    async def of(self):\n" + body * FUNCTION)
    assert long_functions(tmp_path) == ["api/long.py:2 of: 41 lines"]
