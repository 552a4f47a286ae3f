"""Where data may lie on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

from aejax.files import InputError


def cache_dir() -> Path:
    """The folder for what the library prepares: `$XDG_CACHE_HOME/aejax`, else `~/.cache/aejax`; it need not
    exist.

    >>> cache_dir().name
    'aejax'
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rule: a relative path there is invalid and counts as not set.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "aejax"


def data_folder(data_dir: str | os.PathLike | None) -> Path | None:
    """The user's folder of data: `data_dir`, else `$AEJAX_DATA_DIR`, else None. It is only ever read.

    Raises:
      InputError: it was named and is no folder.
    """
    named = os.fspath(data_dir) if data_dir is not None else os.environ.get("AEJAX_DATA_DIR")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        flag = "--data-dir" if data_dir is not None else "AEJAX_DATA_DIR"
        raise InputError(f"{flag} {named}: no such folder; give an existing one or leave it out")
    return folder


def prepared_folders(data_dir: str | os.PathLike | None) -> Sequence[Path]:
    """Where sets prepared by tensorflow-datasets are looked for, in this order."""
    folders = [data_folder(data_dir), os.environ.get("TFDS_DATA_DIR") or None, "~/tensorflow_datasets",
               cache_dir()]
    return list(dict.fromkeys(Path(folder).expanduser() for folder in folders if folder is not None))
