"""Privacy over HTTP: erasures, legal holds and the floor, and what a person is given of themselves."""

from api.privacy import asked, exported, standing
from api.route import Route

ROUTES: tuple[Route, ...] = (*asked.ROUTES, *standing.ROUTES, *exported.ROUTES)
