"""Receiving a multipart upload straight into the quarantine: memory stays flat, however large the files are."""

from typing import TYPE_CHECKING, NamedTuple

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from backend.core.errors import Invalid, TooLarge
from backend.datasets.quarantine import Upload, check_space
from backend.settings import MEBIBYTE, Settings

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_WRITE_BYTES = 4 * MEBIBYTE
_FIELD_BYTES = 4096


class Received(NamedTuple):
    """An upload in the quarantine, and the form's fields that are not files."""

    upload: str
    fields: dict[str, str]


class _Receiver:
    """Sorts the parser's callbacks into files and short text fields."""

    def __init__(self, upload: Upload, boundary: bytes) -> None:
        self.upload = upload
        self.fields: dict[str, str] = {}
        self.ended = False
        self._field = ""
        self._name = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._in_file = False
        self._buffer = bytearray()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        self.parser = MultipartParser(boundary, callbacks)

    def feed(self, data: bytes) -> None:
        """Parses and writes what came."""
        self.parser.write(data)

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename")
        self._in_file = bool(name)
        self._field = "" if name else options.get(b"name", b"").decode("utf-8", errors="replace")
        if name:
            self.upload.begin_file(name.decode("utf-8", errors="replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._buffer += data[start:end]
            if len(self._buffer) >= _WRITE_BYTES:
                self._flush()
        elif self._field:
            self._buffer += data[start:end]
            if len(self._buffer) > _FIELD_BYTES:
                raise TooLarge(f"The field {self._field!r} of this upload is too long. Send files with a file name.")

    def _part_end(self) -> None:
        if self._in_file:
            self._flush()
        elif self._field:
            self.fields[self._field] = self._buffer.decode("utf-8", errors="replace")
            self._buffer.clear()
        self._in_file = False

    def _flush(self) -> None:
        if self._buffer:
            self.upload.write(bytes(self._buffer))
            self._buffer.clear()

    def _end(self) -> None:
        self.ended = True


async def receive(request: Request, settings: Settings) -> Received:
    """Streams the request's files into the quarantine. Nothing stays when it fails."""
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if media_type != b"multipart/form-data" or not boundary:
        raise Invalid("Send files as multipart/form-data, each with a file name.")
    claimed = request.headers.get("content-length", "")
    check_space(settings, int(claimed) if claimed.isdigit() else 0)
    upload = await run_in_threadpool(Upload, settings)
    try:
        receiver = _Receiver(upload, boundary)
        async for chunk in request.stream():
            if chunk:
                await run_in_threadpool(receiver.feed, chunk)
        if not receiver.ended:
            raise Invalid("The upload broke off. Send it again.")
        if len(upload) == 0:
            raise Invalid("There is no file in this upload. Choose one, then send it again.")
        return Received(await run_in_threadpool(upload.finish), receiver.fields)
    except BaseException as error:
        upload.discard()
        if isinstance(error, FormParserError):
            raise Invalid("The upload is not valid multipart/form-data. Send it again.") from error
        raise
