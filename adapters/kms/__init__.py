"""Key services: a folder of key files, HashiCorp Vault's Transit engine."""

from adapters.kms.folder import Exposed, FileKMS
from adapters.kms.naming import Unnamed, named
from adapters.kms.vault import VaultKMS

__all__ = ["Exposed", "FileKMS", "Unnamed", "VaultKMS", "named"]
