"""Range requests, byte by byte."""

import pytest

from backend.exports.ranges import Span, Unsatisfiable, matches, requested_span

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", Span(start=0, stop=1)),
        ("bytes=0-", Span(start=0, stop=10)),
        ("bytes=3-5", Span(start=3, stop=6)),
        ("bytes=3-99", Span(start=3, stop=10)),
        ("bytes=-4", Span(start=6, stop=10)),
        ("bytes=-40", Span(start=0, stop=10)),
        ("Bytes = 2 - 3", Span(start=2, stop=4)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_range_of_ten_bytes(header: str | None, expected: Span | None) -> None:
    assert requested_span(header, None, etag=ETAG, size=10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_range_behind_the_end(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested_span(header, None, etag=ETAG, size=10)


def test_if_range_with_another_version_sends_everything() -> None:
    assert requested_span("bytes=3-", '"old"', etag=ETAG, size=10) is None
    assert requested_span("bytes=3-", 'W/"abc"', etag=ETAG, size=10) is None
    assert requested_span("bytes=3-", ETAG, etag=ETAG, size=10) == Span(start=3, stop=10)
    assert requested_span("bytes=99-", '"old"', etag=ETAG, size=10) is None


def test_if_none_match() -> None:
    assert matches('"x", W/"abc"', ETAG)
    assert matches("*", ETAG)
    assert not matches('"x"', ETAG)
    assert not matches(None, ETAG)
