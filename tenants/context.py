"""Whose data it is. Nothing is built, read or written without a tenant, and no tenant is the default."""

from uuid import UUID

SYSTEM = UUID("00000000-0000-4000-8000-000000000001")
"""The tenant of what belongs to none: provisioning, operators, credentials that matched nobody."""
