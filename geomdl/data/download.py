"""Fetch a file whose hash is known. Reached only through `load(…, download=True)`."""

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path


def fetch(urls: Sequence[str], path: Path, sha256: str, timeout: float = 60.0) -> None:
    """Write the file that one of the mirrors serves, once its hash is right.

    The file appears whole or not at all. It is held in memory on its way.

    Args:
        urls: mirrors, tried in turn; at least one.
        path: to write; its folder is made.
        sha256: of the file, in hexadecimal.
        timeout: of each connection, in seconds.

    Raises:
        OSError: no mirror served the file and the first did not answer, or the folder cannot be
            written.
        ValueError: no mirror served the file and the first served another one.
    """
    failures: list[Exception] = []
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=timeout) as response:
                content = response.read()
        except (OSError, http.client.HTTPException) as error:
            advice = f"put the file into {path.parent} by hand"
            failures.append(OSError(f"{url}: cannot be fetched ({error}); {advice}"))
            continue
        found = hashlib.sha256(content).hexdigest()
        if found == sha256:
            _write(path, content)
            return
        failures.append(ValueError(f"{url}: expected sha256 {sha256}, got {found}; not kept"))
    raise failures[0]


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as scratch:
            part = Path(scratch) / path.name
            part.write_bytes(content)
            os.replace(part, path)
    except OSError as error:
        raise OSError(f"{path.parent}: cannot be written ({error.strerror})") from error
