"""A tenant is created once."""

from domain.tenancy import Created, create, tenancy
from tests.given import given


def test_a_tenant_is_created_once():
    given(tenancy).when(create, "Acme").then(Created("Acme"))
    given(tenancy, Created("Acme")).when(create, "Acme").then()


def test_another_tenant_in_its_place_is_refused():
    given(tenancy, Created("Acme")).when(create, "Other").refused("tenancy.exists")
