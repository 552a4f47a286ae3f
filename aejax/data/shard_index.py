"""The index of a folder of shards: which files hold which examples, with sizes and checksums."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aejax.files import InputError

FORMAT, VERSION = "aejax shards", 1
INDEX = "index.json"
DTYPES = ("uint8", "float32")


@dataclass(frozen=True)
class ShardFile:
    """One file of shards, as index.json describes it.

    Attributes:
      path: of the .npy file.
      examples: its rows.
      bytes: its size.
      sha256: of its content, in hex.
    """

    path: Path
    examples: int
    bytes: int
    sha256: str


def read_index(folder: Path) -> dict[str, Any]:
    """The content of index.json.

    Raises:
      InputError: not there, damaged, or of a later version of the format.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != FORMAT or not index["parts"]:
            raise ValueError(f"not of the format {FORMAT!r}")
    except OSError as error:
        raise InputError(f"{folder}: no {INDEX} in it, so no shards, or an unfinished conversion; make them with "
                         "data.convert(source, folder)") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / INDEX}: damaged ({first_line(error)}); convert the source again") from error
    if index.get("version") != VERSION:
        raise InputError(f"{folder / INDEX}: version {index.get('version')!r} of the format, this is for version "
                         f"{VERSION}; convert the source again")
    return index


def parse_file(folder: Path, item: dict[str, Any]) -> ShardFile:
    """One entry of index.json; raises whatever a damaged one leads to."""
    if Path(item["file"]).name != item["file"]:   # nothing outside of the folder
        raise ValueError(f"file {item['file']!r}")
    return ShardFile(folder / item["file"], int(item["examples"]), int(item["bytes"]), str(item["sha256"]))


def check_file(file: ShardFile, verify: bool) -> None:
    """Compares a file's size, and with `verify` its sha256, with the index.

    Raises:
      InputError: missing, truncated or changed; it names the file.
    """
    try:
        size = file.path.stat().st_size
        if size != file.bytes:
            raise InputError(f"{file.path}: has {size} bytes, {INDEX} says {file.bytes}: "
                             f"{'truncated' if size < file.bytes else 'changed'}; convert the source again")
        if verify and checksum(file.path) != file.sha256:
            raise InputError(f"{file.path}: its sha256 is not the one in {INDEX}: damaged; convert the source again")
    except OSError as error:
        raise InputError(f"{file.path}: {error.strerror or error}; convert the source again") from error


def checksum(path: Path) -> str:
    """sha256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_line(error: Exception) -> str:
    """The first line of what an exception says, else its name."""
    return (str(error).splitlines() or [type(error).__name__])[0]
