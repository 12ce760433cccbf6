"""The route ``POST /events``."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api.incoming.event_receiver import EventReceiver
from api.transports.endpoint import traced
from api.transports.rejections import REFUSALS, reject, respond_with_error
from api.transports.request_bodies import HttpRejection

EVENTS = "/events"


def event_route() -> Route:
    """Return the route; the state of the application has its receiver as `event_receiver`."""
    return Route(EVENTS, _receive, methods=["POST"])


async def _receive(request: Request) -> Response:
    receiver: EventReceiver = request.app.state.event_receiver
    try:
        with traced(request.headers):
            return await receiver.receive(request)
    except ClientDisconnect:
        return Response(status_code=400)
    except HttpRejection as rejected:
        return reject(rejected, None)
    except REFUSALS as error:
        return respond_with_error(error, None)
