"""Keys, which stay where they are kept until they are used."""

import os
from collections.abc import Mapping
from pathlib import Path


class Secret:
    """A key in an environment variable or in a file, of which exactly one is named.

    A file is read again when it has changed, so that a key can be replaced under a running service. The
    value is never shown: `repr` names the source.
    """

    __slots__ = ("_environ", "_last", "_stamp", "env", "file")

    def __init__(
        self, *, env: str | None = None, file: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Name the source. `environ` stands in for the process's own environment."""
        if (env is None) == (file is None):
            raise ValueError("a secret has one source: env or file")
        self.env = env
        self.file = file
        self._environ = environ
        self._last = ""
        self._stamp: tuple[int, int, int] | None = None

    def value(self) -> str:
        """Return the key, without the white space around it.

        Raises LookupError if there is none. A file that is gone or empty for a moment, as happens while it is
        being replaced, does not take back a key that was read before.
        """
        if self.env is not None:
            environ = os.environ if self._environ is None else self._environ
            value = environ.get(self.env, "").strip()
            if not value:
                raise LookupError(f"the environment variable {self.env} is not set, or empty")
            return value
        assert self.file is not None  # noqa: S101 - the constructor saw to it
        return self._read(self.file)

    def _read(self, file: Path) -> str:
        try:
            found = file.stat()
            # The inode too: a file may be replaced by one of the same age and length.
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return self._last
            value = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            if self._last:
                return self._last
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise LookupError(f"cannot read {file}: {reason}") from None
        if value:
            self._last, self._stamp = value, stamp
        elif not self._last:
            raise LookupError(f"{file} is empty")
        return self._last

    def __repr__(self) -> str:
        """Name the source, not the value."""
        return f"Secret(env={self.env!r})" if self.env is not None else f"Secret(file={str(self.file)!r})"

    def __eq__(self, other: object) -> bool:
        """Tell whether the source is the same, so that a reload can see what has changed."""
        return isinstance(other, Secret) and (self.env, self.file) == (other.env, other.file)

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.env, self.file))
