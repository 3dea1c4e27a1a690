"""AWS KMS as a key service, over its JSON protocol (`TrentService`), signed by Signature Version 4.

One key of AWS serves all: under it lies a data key for each name, made by GenerateDataKey and kept, as AWS encrypted
it, in a folder. A key of AWS for each name would cost by the month, and could not be deleted within a week; a file can
be destroyed at once, and what it holds is nothing to who may not ask AWS.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from configparser import Error as Unread
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
from msgspec import Struct

from adapters.crypto import KEY, Cipher
from adapters.kms.kept import Kept
from adapters.outbound import Answer, Outbound, Unreachable
from adapters.sigv4 import Signer
from tenants.keys import Denied, Misplaced, Unserved

_PAUSES = (0.1, 0.4)
"""Seconds before each further attempt."""
_OK, _BROKEN = 200, 500
_PASSING = {"ThrottlingException", "LimitExceededException", "DependencyTimeoutException", "KMSInternalException"}
_PASSING |= {"KeyUnavailableException", "RequestTimeoutException", "ServiceUnavailable", "InternalFailure"}
_FOREIGN = {"InvalidCiphertextException", "IncorrectKeyException"}


class Credentials(Struct, frozen=True):
    """Where they are: a file in the form of `~/.aws/credentials`, or the environment as AWS's own tools read it.

    They are read for every request: who renews them need not tell us.
    """

    file: Path | None = None
    profile: str = "default"
    environment: Mapping[str, str] = os.environ

    def signer(self, region: str) -> Signer:
        """Raises `tenants.keys.Denied` where there are none."""
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        found = self._section() if self.file else {name: self.environment.get(name.upper(), "") for name in names}
        access, secret, token = (found.get(name, "") for name in names)
        if not access or not secret:
            where = f"the profile {self.profile} of {self.file}" if self.file else "the environment"
            raise Denied(f"There are no credentials for AWS in {where}.")
        return Signer(access, secret, region, "kms", token)

    def _section(self) -> Mapping[str, str]:
        parser = ConfigParser(interpolation=None)
        try:
            parser.read_string(self.file.read_text(encoding="utf-8") if self.file else "")
            return dict(parser[self.profile])
        except (OSError, Unread, KeyError, ValueError) as problem:
            raise Denied(f"AWS's credentials in {self.file} cannot be read: {type(problem).__name__}.") from None


class AwsKMS:
    """`tenants.keys.KMS` under one key of AWS, by its ARN, its identifier or an alias.

    What is wrapped is bound to its place here, by AES-256-GCM under the data key; the data key is bound to its name
    there, as encryption context, which AWS's own trail shows with each use.
    """

    def __init__(
        self,
        key: str,
        region: str,
        folder: Path,
        credentials: Credentials,
        outbound: Outbound,
        *,
        endpoint: str = "",
        pause: Callable[[float], None] = sleep,
    ) -> None:
        """Raises `adapters.kms.Exposed` where others may look into the folder."""
        self._key = key
        self._region = region
        self._kept = Kept(folder)
        self._credentials = credentials
        self._outbound = outbound
        self._url = (endpoint or f"https://kms.{region}.amazonaws.com").rstrip("/") + "/"
        self._pause = pause

    def create(self, name: str) -> None:
        self._kept.create(name, lambda: self._made(name))

    def wrap(self, name: str, plaintext: bytes, ad: bytes) -> bytes:
        return self._cipher(name).seal(plaintext, ad)

    def unwrap(self, name: str, wrapped: bytes, ad: bytes) -> bytes:
        return self._cipher(name).open(wrapped, ad)

    def destroy(self, name: str) -> None:
        self._kept.destroy(name)

    def _made(self, name: str) -> bytes:
        asked = {"KeyId": self._key, "KeySpec": "AES_256", "EncryptionContext": _context(name)}
        return self._blob(self._done("GenerateDataKey", asked), "CiphertextBlob")

    def _cipher(self, name: str) -> Cipher:
        # Nothing is kept in memory: each use has to be granted.
        self._kept.alive(name)
        blob = b64encode(self._kept.read(name)).decode()
        asked = {"KeyId": self._key, "CiphertextBlob": blob, "EncryptionContext": _context(name)}
        key = self._blob(self._done("Decrypt", asked), "Plaintext")
        if len(key) != KEY:
            raise Misplaced(f"What is kept of {name} is no data key.")
        return Cipher(key)

    def _blob(self, told: dict[str, Any], member: str) -> bytes:
        try:
            return b64decode(told[member], validate=True)
        except (KeyError, TypeError, ValueError):
            raise Unserved(f"What answers at {self._url} is no AWS KMS.") from None

    def _done(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask(action, msgspec.json.encode(asked))
        told = _told(answer)
        if answer.status == _OK:
            return told
        kind = _kind(told)
        if kind in _FOREIGN:
            raise Misplaced(f"What the key folder holds was not made under {self._key} for this name.")
        raise Denied(f"AWS KMS at {self._url} refuses {action} under {self._key}: {kind or answer.status}.")

    def _ask(self, action: str, body: bytes) -> Answer:
        """Raises `Unserved` after the last attempt."""
        last = ""
        for pause in (*_PAUSES, None):
            headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{action}"}
            signed = self._credentials.signer(self._region).sign("POST", self._url, headers, body)
            try:
                answer = self._outbound.send("POST", self._url, signed, body)
            except Unreachable as problem:
                last = str(problem)
            else:
                kind = _kind(_told(answer))
                if answer.status < _BROKEN and kind not in _PASSING:
                    return answer
                last = f"It answers {kind or answer.status}."
            if pause is not None:
                self._pause(pause)
        raise Unserved(f"AWS KMS at {self._url} does not serve: {last}")


def _context(name: str) -> dict[str, str]:
    return {"everlog": name}


def _told(answer: Answer) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _kind(told: dict[str, Any]) -> str:
    """The exception's name, without its namespace and what may follow it."""
    return str(told.get("__type", "")).rpartition("#")[2].partition(":")[0]
