"""Open-i's report files: a folder or an archive of XML, read one by one, nothing unpacked to disk."""

from __future__ import annotations

import hashlib
import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from nastdata.errors import UserError
from nastdata.sources.tables import read_bytes
from nastdata.text_input.plain_files import open_file, open_unpacked, read_file

MAX_BYTES = 4_000_000
"""Of one report; the real ones have some 10,000."""
SECTIONS = ("FINDINGS", "IMPRESSION")
SPACES = re.compile(r"\s+")
PAIR = re.compile(r"\blat(eral)?\b|\b(2|two)[- ]?v(iews?)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """One report: its id, image ids in their order, MeSH headings, and the text of its sections."""

    name: str
    images: tuple[str, ...]
    headings: tuple[str, ...]
    texts: tuple[str, ...]
    has_lateral: bool = False
    """Whether its examination is said to have a lateral view beside a frontal one."""


def read_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of each XML file of a folder or a tar archive.

    Raises:
        UserError: if it can't be read, or an archive has a member that points outside of it.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield str(file.relative_to(path)), read_bytes(file) if file.stat().st_size else b""
        return
    try:
        # as a stream, so that a packed archive can't unpack without end
        with open_unpacked(path) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for member in archive:
                _check_member(member, path)
                if member.isfile() and member.name.endswith(".xml"):
                    stream = archive.extractfile(member)
                    yield member.name, stream.read(MAX_BYTES + 1) if stream else b""
    except FileNotFoundError:
        raise UserError("no such file", where=str(path)) from None
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError, OverflowError) as e:
        told = "cut off or broken" if path.stat().st_size else "empty"
        raise UserError(
            f"the archive is {told} ({e or type(e).__name__})", where=str(path), how="download it again"
        ) from e


def hash_input(path: Path) -> str:
    """Return the sha256 of an archive, or of the names and contents of a folder's XML files."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
            digest.update(hashlib.sha256(read_file(file)).digest())
    else:
        with open_file(path) as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def read_report(data: bytes) -> Report:
    """Read one report.

    Raises:
        ValueError: that says why it is none.
    """
    if not data.strip():
        raise ValueError("the file is empty")
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES:,} bytes")
    try:
        root: Element = fromstring(data)
    except ParseError as e:
        raise ValueError(f"broken XML: {e}") from None
    except DefusedXmlException:
        raise ValueError("XML with entity definitions, which reports don't have") from None
    except (ValueError, LookupError) as e:
        raise ValueError(f"not readable as text: {e}") from None
    uid = root.find("uId")
    name = uid.get("id", "").strip() if uid is not None else ""
    if not name:
        raise ValueError("not a report: it has no uId")
    texts = [
        SPACES.sub(" ", "".join(part.itertext())).strip()
        for part in root.iter("AbstractText")
        if (part.get("Label") or "").strip().upper() in SECTIONS
    ]
    images = dict.fromkeys((i.get("id") or "").strip() for i in root.iter("parentImage"))
    headings = dict.fromkeys(
        SPACES.sub(" ", "".join(m.itertext())).strip() for m in root.iterfind("MeSH/major")
    )
    return Report(
        name,
        tuple(i for i in images if i),
        tuple(h for h in headings if h),
        tuple(t for t in texts if t),
        len(images) > 1 and any(PAIR.search("".join(c.itertext())) for c in root.iter("caption")),
    )


def _check_member(member: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(member.name.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or re.match(r"^[A-Za-z]:", member.name):
        raise UserError(f"the archive has a member outside of itself ('{member.name}')", where=str(path))
    if not (member.isfile() or member.isdir()):
        raise UserError(f"the archive has a link or device ('{member.name}')", where=str(path))
