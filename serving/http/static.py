"""Files that are served as they are."""

from serving.http.messages import Request, Response
from serving.http.page import Asset
from serving.http.routes import Handler, Route


def routes(assets: dict[str, Asset]) -> list[Route]:
    """A route for each file, by its path."""
    return [Route(path, {"GET": _handler(asset)}) for path, asset in assets.items()]


def _handler(asset: Asset) -> Handler:
    etag, headers = asset.etag.encode(), asset.headers

    async def handle(request: Request) -> Response:
        known = etag in request.headers.get(b"if-none-match", b"")
        return Response(304, b"", headers) if known else Response(200, asset.body, headers)

    return handle
