"""Which key service a setting names."""

import ssl
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from adapters.kms.folder import FileKMS
from adapters.kms.vault import VaultKMS
from adapters.outbound import Outbound
from tenants.keys import KMS

_SECONDS = 5.0
"""For one request: three of them have to fit into the patience of who waits for an answer."""
OWN_SECONDS = 2.0
"""The same, of a service that an organisation brought."""
_OPTIONS = {"token", "mount", "ca", "namespace"}


class Unnamed(Exception):
    """The setting names no key service; the message says how to write it."""


def named(setting: str, folder: Path, seconds: float = _SECONDS) -> KMS:
    """The key service of `file:FOLDER` or `vault:https://HOST:PORT?token=FILE`; `folder` where nothing is set.

    A Vault takes `mount` (`transit` if left out), `namespace`, and `ca`, a file of authorities to trust instead of the
    system's. Asks nobody yet, so that a service that is away keeps no process from starting.

    Raises:
        Unnamed: it is none of these, or a file that it names cannot be read.
        adapters.kms.Exposed: others may look into the folder.
    """
    kind, _, rest = setting.partition(":")
    if not setting:
        return FileKMS(folder)
    if kind == "file" and rest:
        return FileKMS(Path(rest).absolute())
    if kind == "vault":
        return _vault(rest, seconds)
    raise Unnamed("EVERLOG_KMS is file:FOLDER or vault:https://HOST:PORT?token=FILE.")


def _vault(url: str, seconds: float) -> VaultKMS:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if strange := set(options) - _OPTIONS:
        raise Unnamed(
            f"EVERLOG_KMS knows no {', '.join(sorted(strange))}; a Vault takes {', '.join(sorted(_OPTIONS))}."
        )
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.username is not None:
        raise Unnamed(
            "EVERLOG_KMS names a Vault as vault:https://HOST:PORT?token=FILE. Plain HTTP would show the keys."
        )
    if "token" not in options:
        raise Unnamed("EVERLOG_KMS names no file with the Vault's token: add ?token=FILE.")
    try:
        trust = ssl.create_default_context(cafile=options["ca"]) if "ca" in options else None
    except OSError as problem:
        raise Unnamed(f"The authorities in {options['ca']} cannot be read: {problem.strerror or problem}.") from problem
    return VaultKMS(
        f"https://{parts.netloc}",
        Path(options["token"]),
        # The operator names this address, not a tenant, and a Vault seldom has a public one.
        Outbound(private=True, seconds=seconds, trust=trust),
        mount=options.get("mount", "transit"),
        namespace=options.get("namespace", ""),
    )
