"""Which key service a setting names."""

import re
import ssl
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from adapters.kms.aws import AwsKMS, Credentials
from adapters.kms.folder import FileKMS
from adapters.kms.vault import VaultKMS
from adapters.outbound import Outbound
from tenants.keys import KMS

_SECONDS = 5.0
"""For one request: three of them have to fit into the patience of who waits for an answer."""
OWN_SECONDS = 2.0
"""The same, of a service that an organisation brought."""
_OPTIONS = {
    "Vault": {"token", "mount", "ca", "namespace"},
    "AWS KMS": {"region", "credentials", "profile", "endpoint", "ca"},
}
_ARN = re.compile(r"arn:[a-z0-9-]+:kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)/.+")
_KEY = re.compile(r"alias/[A-Za-z0-9/_-]+|(?:mrk-)?[0-9a-f-]{32,40}")


class Unnamed(Exception):
    """The setting names no key service; the message says how to write it."""


def named(setting: str, folder: Path, seconds: float = _SECONDS) -> KMS:
    """The key service of `file:FOLDER`, `vault:https://HOST:PORT?token=FILE` or `aws:KEY`; `folder` without a setting.

    A Vault takes `mount` (`transit` if left out), `namespace`, and `ca`, a file of authorities to trust instead of the
    system's. AWS takes `region`, where the key is no ARN, `credentials` and `profile`, a file and a section of it
    instead of the environment, `endpoint` and `ca`. Asks nobody yet, so that a service that is away keeps no process
    from starting. `seconds` bounds one request.

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
    if kind == "aws":
        return _aws(rest, folder, seconds)
    raise Unnamed("EVERLOG_KMS is file:FOLDER, vault:https://HOST:PORT?token=FILE or aws:KEY?region=REGION.")


def _vault(url: str, seconds: float) -> VaultKMS:
    parts = urlsplit(url)
    options = _options("Vault", parts.query)
    if not _address(url):
        raise Unnamed(
            "EVERLOG_KMS names a Vault as vault:https://HOST:PORT?token=FILE. Plain HTTP would show the keys."
        )
    if "token" not in options:
        raise Unnamed("EVERLOG_KMS names no file with the Vault's token: add ?token=FILE.")
    return VaultKMS(
        f"https://{parts.netloc}",
        Path(options["token"]),
        _outbound(options, seconds),
        mount=options.get("mount", "transit"),
        namespace=options.get("namespace", ""),
    )


def _aws(rest: str, folder: Path, seconds: float) -> AwsKMS:
    key, _, query = rest.partition("?")
    options, arn = _options("AWS KMS", query), _ARN.fullmatch(key)
    region, endpoint = options.get("region") or (arn[1] if arn else ""), options.get("endpoint", "")
    if not region or not (arn or _KEY.fullmatch(key)):
        raise Unnamed("EVERLOG_KMS names a key of AWS as aws:ARN, or as aws:alias/NAME?region=REGION.")
    if endpoint and not _address(endpoint):
        raise Unnamed("EVERLOG_KMS names AWS's endpoint as https://HOST:PORT. Plain HTTP would show the keys.")
    credentials = Credentials(
        Path(options["credentials"]) if "credentials" in options else None, options.get("profile", "default")
    )
    # Data keys under another key of AWS, or in files of our own, bear the same names.
    own = folder / f"aws-{sha256(key.encode()).hexdigest()[:12]}"
    return AwsKMS(key, region, own, credentials, _outbound(options, seconds), endpoint=endpoint)


def _options(service: str, query: str) -> dict[str, str]:
    options, known = dict(parse_qsl(query)), _OPTIONS[service]
    if strange := set(options) - known:
        raise Unnamed(f"EVERLOG_KMS knows no {', '.join(sorted(strange))}; {service} takes {', '.join(sorted(known))}.")
    return options


def _address(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.scheme == "https" and parts.hostname and not parts.path.strip("/") and parts.username is None)


def _outbound(options: Mapping[str, str], seconds: float) -> Outbound:
    try:
        trust = ssl.create_default_context(cafile=options["ca"]) if "ca" in options else None
    except OSError as problem:
        raise Unnamed(f"The authorities in {options['ca']} cannot be read: {problem.strerror or problem}.") from problem
    # The operator names this address, not a tenant, and a key service seldom has a public one.
    return Outbound(private=True, seconds=seconds, trust=trust)
