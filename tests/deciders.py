"""Every decider there is, found by looking: one that nobody wired up is tested like the others."""

import importlib
import pkgutil

import domain
from domain.kernel import Decider

MODULES = [importlib.import_module(f"domain.{each.name}") for each in pkgutil.iter_modules(domain.__path__)]
DECIDERS = tuple(
    {value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Decider)}.values()
)
