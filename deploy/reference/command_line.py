"""The command line as a page: from the help that it prints."""

import re
import sys

HEAD = """# The command line

What `everlog --help` and `everlog COMMAND --help` say, written by `make docs`. Every command ends with exit code 0 if
it did what it says, 1 if it could not (and says why on standard error), 2 if it was called wrongly; `check-walls` and
`predictions recompute` also answer 1 where something is wrong with what they looked at. `--json` answers machines.

"""


CONTENTS = re.compile(r"^## Table of Contents\n.*?(?=^\*\*Commands)", re.MULTILINE | re.DOTALL)
"""The list of commands that follows says the same in more words."""


def page() -> str:
    from api.main import app

    # A usage would name the program that runs: what writes this page, or tests it.
    given, sys.argv[0] = sys.argv[0], "everlog"
    try:
        return HEAD + CONTENTS.sub("", app.generate_docs(heading_level=2)).rstrip("\n") + "\n"
    finally:
        sys.argv[0] = given
