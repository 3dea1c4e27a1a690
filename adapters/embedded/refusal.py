"""Why the embedded servers do not run."""


class CannotStart(Exception):
    """The message says plainly what is wrong and what to do; `log` holds the server's last words, if it had any."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(f"{message}\n{log}" if log else message)
        self.log = log
