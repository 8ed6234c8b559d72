"""GET /docs.json: every route as OpenAPI 3.1, made of the code's own types, errors and limits."""

from serving.http.openapi.document import Documentation, document

__all__ = ["Documentation", "document"]
