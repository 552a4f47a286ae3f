"""Runs our tensorflow-datasets builders, on local files or by download; what goes wrong becomes one line."""

import contextlib
import io
import os
import shutil
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from aejax.files import InputError

CONNECT_SECONDS = 10


def run_builder(name: str, folder: Path, shape: tuple[int, ...], idx_folder: Path | None,
                looked: list[str]) -> None:
    """Prepares `name` as array_record in `folder`, from the IDX files in `idx_folder` or, if None, by
    download.

    Raises:
      InputError: the download failed; it says what to do instead and lists the places `looked` at before.
    """
    import tensorflow_datasets as tfds

    from aejax.data.builders import BUILDERS
    builder = BUILDERS[name](data_dir=os.fspath(folder), file_format="array_record", shape=shape)
    config = tfds.download.DownloadConfig(manual_dir=None if idx_folder is None else os.fspath(idx_folder))
    downloads = folder / "downloads"
    if idx_folder is not None:
        with _quiet():
            builder.download_and_prepare(download_dir=os.fspath(downloads), download_config=config)
        return
    try:
        _check_reachable(builder.URL)
        with _quiet(), _few_retries():
            builder.download_and_prepare(download_dir=os.fspath(downloads), download_config=config)
    except InputError:
        raise
    except Exception as error:   # requests, urllib3, tensorflow-datasets and the system each have their own
        if isinstance(error, OSError) and error.filename is not None:
            raise   # the disk, not the network
        raise InputError(
            f"{name}: not in {', '.join(looked)}, and the download from {builder.URL} failed "
            f"({_reason(error)}); put the four IDX files in a folder and name it with --data-dir or "
            "AEJAX_DATA_DIR, or use the embedded mnist_mini") from error
    finally:
        shutil.rmtree(downloads, ignore_errors=True)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not str(error):
        return type(error).__name__
    first = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {first}"[:160].rstrip(": ")


def _check_reachable(url: str) -> None:
    """Raises OSError when the host does not answer in `CONNECT_SECONDS`; the downloader waits much longer."""
    parts = urllib.parse.urlsplit(url)
    if urllib.request.getproxies().get(parts.scheme):
        return   # the proxy answers for the host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname, port), timeout=CONNECT_SECONDS).close()


@contextlib.contextmanager
def _few_retries() -> Iterator[None]:
    """Ten retries with growing pauses take minutes; one is enough."""
    from tensorflow_datasets.core.download import downloader
    before = downloader.MAX_RETRIES
    downloader.MAX_RETRIES = 1
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without tensorflow-datasets' progress bars and announcements; the log says what is done."""
    from tensorflow_datasets.core.utils import tqdm_utils
    before = getattr(tqdm_utils, "_active", True)
    tqdm_utils.display_progress_bar(False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tqdm_utils.display_progress_bar(before)
