"""HashiCorp Vault's Transit engine as a key service, over its HTTP API (also that of OpenBao)."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

import msgspec

from adapters.outbound import Answer, Outbound, Unreachable
from tenants.keys import Denied, Destroyed, Misplaced, Missing, Unserved

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")
_BOX = re.compile(rb"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/=]+")
_PAUSES = (0.1, 0.4)
"""Seconds before each further attempt."""
_OK, _DONE, _WRONG, _FORBIDDEN, _NONE, _HURRIED, _BROKEN = 200, 204, 400, 403, 404, 429, 500


class VaultKMS:
    """`tenants.keys.KMS` over one Transit mount.

    A destroyed key stays as a name whose first version is trimmed away: Vault deletes that version's material for ever,
    and the name, which a deletion would free, tells an erasure from a Vault that never knew the key.
    """

    def __init__(
        self,
        url: str,
        token: Path,
        outbound: Outbound,
        *,
        mount: str = "transit",
        namespace: str = "",
        pause: Callable[[float], None] = sleep,
    ) -> None:
        """`token` is a file, read for every request: who renews it need not tell us."""
        self._base = f"{url}/v1/{quote(mount.strip('/'))}"
        self._token = token
        self._outbound = outbound
        self._namespace = namespace
        self._pause = pause

    def create(self, name: str) -> None:
        if self._kept(name) is None:
            # Where another process was first, Vault leaves the key as it is.
            self._done(self._ask("POST", f"keys/{_checked(name)}", {"type": "aes256-gcm96"}))
        self._alive(name)

    def wrap(self, name: str, plaintext: bytes, ad: bytes) -> bytes:
        # Vault makes a key that it does not know where the policy allows, and a lost key would pass unseen.
        self._alive(name)
        asked = {"plaintext": _text(plaintext), "associated_data": _text(ad)}
        box = self._done(self._ask("POST", f"encrypt/{_checked(name)}", asked))["ciphertext"]
        return str(box).encode()

    def unwrap(self, name: str, wrapped: bytes, ad: bytes) -> bytes:
        box = _BOX.fullmatch(wrapped)
        if box is None:
            self._alive(name)
            raise Misplaced(f"What is kept under {name} is nothing that a Vault has wrapped.")
        asked = {"ciphertext": wrapped.decode(), "associated_data": _text(ad)}
        answer = self._ask("POST", f"decrypt/{_checked(name)}", asked)
        if answer.status in (_WRONG, _NONE):
            # Vault's words differ between releases; what it keeps of the key does not.
            kept, version = self._there(name), int(box[1])
            if version < _first(kept):
                raise Destroyed(name)
            if version < int(kept.get("min_decryption_version") or 1):
                raise Denied(
                    f"The Vault at {self._base} keeps version {version} of {name} and does not let it be used."
                )
            raise Misplaced(f"What is kept under {name} was not wrapped in this place.")
        return b64decode(self._done(answer)["plaintext"], validate=True)

    def destroy(self, name: str) -> None:
        kept = self._kept(name)
        if kept is None:
            self._done(self._ask("POST", f"keys/{_checked(name)}", {"type": "aes256-gcm96"}))
        elif _first(kept) > 1:
            return
        self._done(self._ask("POST", f"keys/{_checked(name)}/rotate", {}))
        latest = int(self._there(name)["latest_version"])
        least = {"min_decryption_version": latest, "min_encryption_version": latest}
        self._done(self._ask("POST", f"keys/{_checked(name)}/config", least))
        self._done(self._ask("POST", f"keys/{_checked(name)}/trim", {"min_available_version": latest}))

    def _alive(self, name: str) -> None:
        if _first(self._there(name)) > 1:
            raise Destroyed(name)

    def _there(self, name: str) -> dict[str, Any]:
        kept = self._kept(name)
        if kept is None:
            raise Missing(
                f"The Vault at {self._base} holds no key {name}. Is it the one that this database was written with?"
            )
        return kept

    def _kept(self, name: str) -> dict[str, Any] | None:
        answer = self._ask("GET", f"keys/{_checked(name)}")
        return None if answer.status == _NONE else self._done(answer)

    def _done(self, answer: Answer) -> dict[str, Any]:
        """The data of an answer that did what was asked."""
        if answer.status == _DONE:
            return {}
        if answer.status != _OK:
            raise Denied(
                f"The Vault at {self._base} did not do what was asked: {answer.status}. See the guide on keys."
            )
        try:
            return dict(msgspec.json.decode(answer.body, type=dict[str, Any]).get("data") or {})
        except msgspec.DecodeError:
            raise Unserved(f"What answers at {self._base} is no Vault.") from None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Raises `Unserved` after the last attempt, and `Denied` where the token does not suffice."""
        sent, last = b"" if body is None else msgspec.json.encode(body), ""
        for pause in (*_PAUSES, None):
            try:
                answer = self._outbound.send(method, f"{self._base}/{path}", self._headers(), sent)
            except Unreachable as problem:
                last = str(problem)
            else:
                if answer.status == _FORBIDDEN:
                    raise Denied(f"The Vault at {self._base} refuses the token for {path}: renew it, or its policy.")
                if answer.status != _HURRIED and answer.status < _BROKEN:
                    return answer
                last = f"It answers {answer.status}."
            if pause is not None:
                self._pause(pause)
        raise Unserved(f"The Vault at {self._base} does not serve: {last}")

    def _headers(self) -> dict[str, str]:
        try:
            token = self._token.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as problem:
            raise Denied(f"The Vault's token in {self._token} cannot be read: {type(problem).__name__}.") from None
        told = {"X-Vault-Token": token, "X-Vault-Request": "true", "Content-Type": "application/json"}
        return told | ({"X-Vault-Namespace": self._namespace} if self._namespace else {})


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a key.")
    return name


def _first(kept: dict[str, Any]) -> int:
    """The first version that Vault still has."""
    return int(kept.get("min_available_version") or 1)


def _text(data: bytes) -> str:
    return b64encode(data).decode()
