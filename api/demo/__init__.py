"""`everlog demo`: real grant applications of two organisations streamed through the HTTP API, and what came of them."""

from api.demo.play import run

__all__ = ["run"]
