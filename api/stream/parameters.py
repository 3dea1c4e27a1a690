"""Where the streams are found, and what may be asked of them."""

from api import shapes
from projections.stream import Follow

PARAMETERS = shapes.parameters(Follow, "FollowParameters")
SSE, LIVE = "/v1/events/stream", "/v1/events/live"
