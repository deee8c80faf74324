"""An endpoint: a handler, and the name of its route in the metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from serving.http.response import Response

# What responds to a request, with its body and without.
Handler = Callable[[Scope, Receive], Awaitable[Response]]
GetHandler = Callable[[Scope], Response]


class Endpoint:
    """A handler as an ASGI application.

    Parameters
    ----------
    route_name : str
        The label of its requests in the metrics. Dashboards and alert rules depend on it.
    handler : Handler
        May raise RequestError; the middleware around the application makes a response of it.
    """

    def __init__(self, route_name: str, handler: Handler) -> None:
        self.route_name, self.handler = route_name, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        response = await self.handler(scope, receive)
        await response.send(send)


def get_endpoint(route_name: str, handler: GetHandler) -> Endpoint:
    """Return the endpoint of a handler that needs no body."""

    async def respond(scope: Scope, _: Receive) -> Response:
        return handler(scope)

    return Endpoint(route_name, respond)
