"""Put a checksum before bytes, and check it when they are read. It tells damaged files, not forged ones."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from ..errors import Errors

MAGIC = b"BINDER-1"
SIZE = len(MAGIC) + 4


def seal(content: bytes) -> bytes:
    """RETURNS (bytes): The content after a magic number and its checksum."""
    return MAGIC + crc32(content).to_bytes(4, "big") + content


def is_sealed(content: bytes) -> bool:
    """RETURNS (bool): Whether bytes begin like the result of `seal`. Those of earlier versions do not."""
    return content.startswith(MAGIC)


def unseal(content: bytes, source: str) -> bytes:
    """Check sealed bytes. Those of earlier versions are not sealed, and can't be checked.

    content (bytes): The result of `seal`, or bytes of an earlier version.
    source (str): The file or part that they come from, for the message.
    RETURNS (bytes): The content that was sealed.
    RAISES (ValueError): If the content is not what was sealed.
    """
    if not is_sealed(content):
        return content
    checksum, content = content[len(MAGIC) : SIZE], content[SIZE:]
    if crc32(content).to_bytes(4, "big") != checksum:
        raise ValueError(Errors.B052.format(source=source))
    return content


def file_checksum(path: Path) -> int:
    """RETURNS (int): The checksum of a file."""
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            checksum = crc32(chunk, checksum)
    return checksum
