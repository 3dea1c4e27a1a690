"""What a person at a terminal is told when a command cannot do what it says."""

from uuid import uuid4

from api import bootstrap
from api.demo.client import Failed
from api.problems import Problem
from api.serve import PortTaken
from api.settings import Unset
from api.transport import Insecure
from application.pipeline import Rejected
from domain.kernel import Refused


def plain(problem: BaseException) -> str | None:
    """The words, or nothing where the problem is one of the program and wants a traceback."""
    if isinstance(problem, Rejected | Refused):
        known = Problem.of(problem) if isinstance(problem, Rejected) else Problem(problem.code, details=problem.details)
        return f"{known.code}: {known.told(uuid4()).detail}"
    if isinstance(problem, (*bootstrap.PLAIN, Failed, Insecure, PortTaken, Unset)):
        return str(problem).strip()
    return None
