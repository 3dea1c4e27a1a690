"""A tenant is created once."""

from domain.tenancy import Created, Resides, create, reside, tenancy
from tests.given import given


def test_a_tenant_is_created_once():
    given(tenancy).when(create, "Acme").then(Created("Acme"))
    given(tenancy, Created("Acme")).when(create, "Acme").then()


def test_another_tenant_in_its_place_is_refused():
    given(tenancy, Created("Acme")).when(create, "Other").refused("tenancy.exists")


def test_a_region_is_said_once_until_it_is_another():
    given(tenancy).when(reside, "eu").then(Resides("eu"))
    given(tenancy, Resides("eu")).when(reside, "eu").then()
    given(tenancy, Resides("eu")).when(reside, "us").then(Resides("us"))
