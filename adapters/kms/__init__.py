"""Key services: a folder of key files, HashiCorp Vault's Transit engine, AWS KMS."""

from adapters.kms.aws import AwsKMS, Credentials
from adapters.kms.folder import FileKMS
from adapters.kms.kept import Exposed
from adapters.kms.naming import OWN_SECONDS, Unnamed, named
from adapters.kms.vault import VaultKMS

__all__ = ["OWN_SECONDS", "AwsKMS", "Credentials", "Exposed", "FileKMS", "Unnamed", "VaultKMS", "named"]
