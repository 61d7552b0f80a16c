"""Text as bytes, which gzip may have packed: which encoding."""

import codecs
import gzip
import io
import re
import zlib

from lfp import _checks, _files

_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(said: str, raw: bytes) -> tuple[str, str]:
    """The text and its encoding: by its mark, UTF-16 where every other byte is 0, else UTF-8, Windows-1252, Latin-1."""
    if raw[:2] == b"\x1f\x8b":
        raw = _unpacked(said, raw)
    if raw[:4] == b"PK\x03\x04":
        msg = f"{said} is a spreadsheet or a zip archive; allowed: text in columns, as spreadsheets export it"
        raise _checks.InputError(msg)
    encodings = [encoding for mark, encoding in _MARKS.items() if raw.startswith(mark)]
    for encoding, zeros in (("utf-16-le", raw[1:4096:2]), ("utf-16-be", raw[0:4096:2])):
        if not encodings and zeros and zeros.count(0) > len(zeros) / 2:
            encodings = [encoding]
    for encoding in encodings or ("utf-8", "cp1252", "latin-1"):
        try:
            text = raw.decode(encoding).rstrip("\x1a")  # the end of a file of DOS
        except UnicodeDecodeError:
            continue
        control = _CONTROL.search(text)
        if not control:
            return text, encoding
        line = 1 + len(re.findall(r"\r\n|\r|\n", text[: control.start()]))
        msg = f"{said} cannot be read: line {line} has the control character {control.group()!r}; "
        break
    else:
        msg = f"{said} cannot be read: no text in UTF-8, UTF-16 or Latin-1; "
    raise _checks.InputError(msg + "allowed: columns of numbers, also as .gz")


def _unpacked(said: str, raw: bytes) -> bytes:
    """What gzip packed, at most as large as a plain file may be."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            raw = file.read(_files.LARGEST_INPUT + 1)
    except (OSError, EOFError, zlib.error):
        msg = f"{said} cannot be read: damaged gzip; allowed: a whole file"
        raise _checks.InputError(msg) from None
    if len(raw) > _files.LARGEST_INPUT:
        msg = f"{said} unpacks to more than {_files.LARGEST_INPUT} bytes; allowed: at most these"
        raise _checks.InputError(msg)
    return raw
