"""HTTP Range and If-Range (RFC 9110, sections 13 and 14) for a file of known size and strong ETag. Pure.

One range is served; a request for several gets the whole file, as the RFC allows, and so does a header that does not
parse.
"""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"^\s*bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Bytes `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class Unsatisfiable(Exception):  # noqa: N818
    """The range asked for begins behind the end of the file: answer 416."""


def requested_span(range_header: str | None, if_range: str | None, *, etag: str, size: int) -> Span | None:
    """The part of the file to send, or None for all of it.

    `etag` is the quoted strong ETag. If-Range with another ETag, a weak one or a date means that the client holds a
    part of something else: all of the file is sent. Raises Unsatisfiable.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    match = _ONE_RANGE.match(range_header)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":  # a suffix: the last N bytes
        count = int(last)
        if count == 0 or size == 0:
            raise Unsatisfiable
        return Span(start=max(0, size - count), stop=size)
    start = int(first)
    if last != "" and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start=start, stop=size if last == "" else min(size, int(last) + 1))


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether If-None-Match names this ETag (weak comparison): the client has the file already."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
