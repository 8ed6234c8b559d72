"""What a request as a whole can be answered instead of predictions: one object, in our own words."""

from serving.http.messages import Headers, Response, json_response


class HttpError(Exception):
    """A request that gets no predictions. `code` is for programs, `message` for people."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers

    def response(self) -> Response:
        """The one form that an error is told in."""
        return json_response({"error": {"code": self.code, "message": self.message}}, self.status, self.headers)


CLOSE: Headers = ((b"connection", b"close"),)
"""With an answer that is given before the request's body was read."""


def not_found(path: str) -> HttpError:
    """No such route."""
    return HttpError(404, "not_found", f"There is nothing at {path}. Pictures go to POST /predict.")


def method_not_allowed(allowed: str) -> HttpError:
    """The route exists for another method."""
    return HttpError(405, "method_not_allowed", f"This path takes {allowed}.", ((b"allow", allowed.encode()),))


def unauthorised() -> HttpError:
    """A key is needed here, and none of ours was given."""
    message = "A key is needed here: Authorization: Bearer KEY, or X-API-Key: KEY."
    return HttpError(401, "unauthorised", message, ((b"www-authenticate", b"Bearer"), *CLOSE))


def unknown_model(message: str) -> HttpError:
    """The model that was asked for is not in the catalogue."""
    return HttpError(404, "unknown_model", message)


def bad_parameter(message: str) -> HttpError:
    """A query parameter that is unknown, or has a value that cannot be used."""
    return HttpError(400, "bad_parameter", message)


def no_picture() -> HttpError:
    """A well-formed request without a picture in it."""
    return HttpError(400, "no_picture", "The request holds no picture. Send files as multipart/form-data, or one raw body.")


def malformed(what: str) -> HttpError:
    """A body that is not what its content type says."""
    return HttpError(400, "malformed_multipart", f"The multipart body is malformed: {what}.")


def too_many_bytes(limit: int) -> HttpError:
    """The request as a whole is too long."""
    return HttpError(413, "too_many_bytes", f"A request may have {limit:,} bytes at most.", CLOSE)


def too_many_files(limit: int) -> HttpError:
    """More files than one request may have."""
    return HttpError(413, "too_many_files", f"A request may have {limit} files at most.")


def unsupported_media_type() -> HttpError:
    """A body that is neither multipart nor a picture."""
    return HttpError(
        415,
        "unsupported_media_type",
        "Send multipart/form-data with one or more files, or one picture as the body with the content type image/* or "
        "application/octet-stream.",
        CLOSE,
    )


def too_many_pixels(limit: int) -> HttpError:
    """More pixels than one request may have in all its pictures."""
    return HttpError(413, "too_many_pixels", f"The pictures of a request may have {limit:,} pixels at most, all together.")


def too_slow(seconds: float) -> HttpError:
    """A body that did not come in time."""
    return HttpError(408, "too_slow", f"The request was not complete after {seconds:g} seconds.", CLOSE)


def overloaded(headers: Headers = ()) -> HttpError:
    """More waits here than may wait."""
    message = "Too much is waiting here. Try again in a second."
    return HttpError(503, "overloaded", message, ((b"retry-after", b"1"), *headers))


def ending() -> HttpError:
    """Ready no more: whoever spreads requests is to send them elsewhere."""
    return HttpError(503, "ending", "This server is about to end. Requests are answered a little longer.")


def internal() -> HttpError:
    """Our own bug; the log has the rest."""
    return HttpError(500, "internal", "Something went wrong here. It was logged.")
