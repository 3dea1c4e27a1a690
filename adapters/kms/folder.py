"""A key service in a folder: one file per key, outside the database and out of the reach of its server's user."""

from pathlib import Path

from adapters.crypto import KEY, Cipher, mint
from adapters.kms.kept import Kept
from tenants.keys import Destroyed, Missing


class FileKMS:
    """`tenants.keys.KMS` over the files of a folder, each with a key in it."""

    def __init__(self, folder: Path) -> None:
        """Raises `adapters.kms.Exposed` where the folder stands open to others, or is theirs."""
        self._kept = Kept(folder)
        self._ciphers: dict[str, Cipher] = {}

    def create(self, name: str) -> None:
        self._kept.create(name, mint)

    def wrap(self, name: str, plaintext: bytes, ad: bytes) -> bytes:
        return self._cipher(name).seal(plaintext, ad)

    def unwrap(self, name: str, wrapped: bytes, ad: bytes) -> bytes:
        return self._cipher(name).open(wrapped, ad)

    def destroy(self, name: str) -> None:
        self._ciphers.pop(name, None)
        self._kept.destroy(name)

    def _cipher(self, name: str) -> Cipher:
        cipher = self._ciphers.get(name)
        try:
            self._kept.alive(name)
        except Destroyed:
            self._ciphers.pop(name, None)
            raise
        if cipher is None:
            key = self._kept.read(name)
            if len(key) != KEY:
                raise Missing(f"The key file {self._kept.path(name)} is damaged.")
            cipher = self._ciphers[name] = Cipher(key)
        return cipher
