"""Whom this process trusts on the other end of a connection, and what it shows of itself there."""

import os
import ssl
from pathlib import Path


class Untrusted(Exception):
    """A file of certificates or of a key cannot be used; the message says which."""


def trust(authorities: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """For a client: TLS 1.2 or newer, the server's certificate and name are verified. Raises `Untrusted`.

    `authorities` are trusted instead of the system's; `certificate` and `key` are shown where a server asks for them.
    """
    try:
        made = ssl.create_default_context(cafile=authorities)
    except OSError as problem:
        raise Untrusted(f"The authorities in {authorities} cannot be read: {problem.strerror or problem}.") from problem
    try:
        if certificate:
            made.load_cert_chain(certificate, key)
    except OSError as problem:
        why = problem.strerror or problem
        raise Untrusted(
            f"The certificate in {certificate} and the key in {key} are no pair in PEM: {why}."
        ) from problem
    return made


def identified(context: ssl.SSLContext, pem: str) -> None:
    """Have a certificate be shown to a server that asks for one. Raises `Untrusted`.

    `pem` holds it, those between it and an authority behind it, and its key.
    """
    # Only what stands in a file can be loaded, and this key must not lie on a disk.
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, pem.encode())
        # Without a password it would be asked for at the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="")
    except OSError as problem:
        raise Untrusted("It is no certificate with its key in PEM, or the key needs a password.") from problem
    finally:
        os.close(descriptor)
