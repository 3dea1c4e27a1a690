"""Key services: a folder of key files, HashiCorp Vault's Transit engine."""

from adapters.kms.folder import Exposed, FileKMS
from adapters.kms.naming import OWN_SECONDS, Unnamed, named
from adapters.kms.vault import VaultKMS

__all__ = ["OWN_SECONDS", "Exposed", "FileKMS", "Unnamed", "VaultKMS", "named"]
