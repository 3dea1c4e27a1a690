"""The verifier as a module: it is one file for a stranger, and no package."""

import importlib.util
import sys

from tests.house.sources import ROOT

FILE = ROOT / "clients" / "verifier" / "everlog_verify.py"
spec = importlib.util.spec_from_file_location("everlog_verify", FILE)
assert spec
assert spec.loader
verifier = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = verifier
spec.loader.exec_module(verifier)
