import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http.errors import HttpError
from serving.http.uploads import Upload, form_of, uploads_of

TYPE = 'multipart/form-data; boundary="X"'
FORM = form_of(TYPE.encode())


def body(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(b"--X\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + b"--X--\r\n"


def head(name: str) -> str:
    return f'Content-Disposition: form-data; name="f"; {name}\r\nContent-Type: image/png'


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ('filename="a.png"', "a.png"),
        ("filename=a.png", "a.png"),
        ('filename="a \\"b\\".png"', 'a "b".png'),
        ('filename="a %22b%22.png"', 'a "b".png'),
        ('filename="100%.png"', "100%.png"),
        ('filename="Ziffer-ß-七.png"', "Ziffer-ß-七.png"),
        ("filename=\"x\"; filename*=UTF-8''%e4%b8%83.png", "七.png"),
        ("filename*=unicode_escape''%5cud800", "body"),
        (r'filename="C:\scans\new.png"', r"C:\scans\new.png"),
        ('\r\n\tfilename="folded.png"', "folded.png"),
        ('filename="../../etc/passwd"', "../../etc/passwd"),
        ('filename=""', "body"),
    ],
)
def test_a_file_keeps_the_name_it_was_sent_with(written: str, source: str) -> None:
    assert uploads_of(FORM, body((head(written), b"data")), 8) == [Upload(source, b"data")]


def test_files_come_under_any_field_name_and_in_order_and_other_fields_are_passed_over() -> None:
    field = 'Content-Disposition: form-data; name="comment"'
    tricky = 'Content-Disposition: form-data; name="my filename=x; filename=y"'
    parts = [
        (head('filename="1"'), b"one"),
        (field, b"hello"),
        (tricky, b"text"),
        (head('filename="2"'), b""),
        (head('filename=""'), b""),
    ]
    assert uploads_of(FORM, body(*parts), 8) == [Upload("1", b"one"), Upload("2", b"")]


def test_other_fields_do_not_count_as_files() -> None:
    fields = [('Content-Disposition: form-data; name="a"', b"text")] * 300
    assert uploads_of(FORM, body(*fields, (head('filename="1"'), b"one")), 8) == [Upload("1", b"one")]


def test_a_part_that_says_it_is_a_picture_needs_no_file_name() -> None:
    part = 'Content-Disposition: form-data; name="f"\r\nContent-Type: image/png'
    assert uploads_of(FORM, body((part, b"data")), 8) == [Upload("body", b"data")]


@given(st.lists(st.binary(max_size=200).filter(lambda data: b"\r\n--X" not in data), min_size=1, max_size=6))
def test_any_bytes_arrive_as_they_were_sent(contents: list[bytes]) -> None:
    sent = body(*((head(f'filename="{place}"'), data) for place, data in enumerate(contents)))
    assert [upload.data for upload in uploads_of(FORM, sent, 8)] == contents


@given(st.binary(max_size=400), st.sampled_from([TYPE, "multipart/form-data; boundary=a", "image/png"]))
def test_any_body_is_files_or_a_client_error(content: bytes, content_type: str) -> None:
    try:
        uploads = uploads_of(form_of(content_type.encode()), content, 8)
    except HttpError as error:
        assert 400 <= error.status < 500  # noqa: PT017  both ways out are right
    else:
        assert 1 <= len(uploads) <= 8


GOOD = body((head('filename="a"'), b"data"))


@pytest.mark.parametrize(
    ("content_type", "content", "status", "code"),
    [
        ("multipart/form-data", GOOD, 400, "malformed_multipart"),
        ("multipart/form-data; boundary=", GOOD, 400, "malformed_multipart"),
        ("multipart/form-data; boundary=" + "x" * 71, GOOD, 400, "malformed_multipart"),
        ("multipart/form-data; boundary=Y", GOOD, 400, "malformed_multipart"),
        (TYPE, GOOD[:-9], 400, "malformed_multipart"),
        (TYPE, b"--X\r\nno headers\r\n--X--\r\n", 400, "malformed_multipart"),
        (TYPE, b"--X\r\nContent-Type: image/png\r\n\r\ndata\r\n--X--\r\n", 400, "malformed_multipart"),
        (TYPE, b"--X--\r\n", 400, "no_picture"),
        (TYPE, b"", 400, "no_picture"),
        (TYPE, body(('Content-Disposition: form-data; name="a"', b"text")), 400, "no_picture"),
        (TYPE, body(*[(head('filename="a"'), b"data")] * 9), 413, "too_many_files"),
        (TYPE, body(*[(head('filename="a"'), b"data")] * 10_000), 413, "too_many_files"),
        (TYPE, body(*[('Content-Disposition: form-data; name="a"', b"text")] * 2_000), 400, "malformed_multipart"),
        ("image/png", b"", 400, "no_picture"),
        ("", GOOD, 415, "unsupported_media_type"),
        ("application/json", b"{}", 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", b"a=b", 415, "unsupported_media_type"),
    ],
)
def test_a_request_without_files_is_told_why(content_type: str, content: bytes, status: int, code: str) -> None:
    with pytest.raises(HttpError) as error:
        uploads_of(form_of(content_type.encode()), content, 8)
    assert (error.value.status, error.value.code) == (status, code)
