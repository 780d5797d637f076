"""TLS for the server, from files that may be replaced while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import grpc

from trunkline_service.config import Tls
from trunkline_service.errors import StartupError
from trunkline_service.telemetry import log


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Credentials that follow the files: a handshake after a change gets the new certificate.

    Raises:
        StartupError: a file cannot be read.
    """
    files = _Files(tls)
    try:
        configuration = files.read()
    except OSError as error:
        msg = f"cannot read {error.filename}: {error.strerror}"
        raise StartupError(msg) from None
    return grpc.dynamic_ssl_server_credentials(
        configuration,
        # None, for "keep what there is", is missing in the stubs.
        cast("Callable[[], grpc.ServerCertificateConfiguration]", files.changed),
        require_client_authentication=tls.client_ca is not None,
    )


class _Files:
    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._read_when: tuple[tuple[int, ...], ...] = ()

    def read(self) -> grpc.ServerCertificateConfiguration:
        stamps = self._stamps()
        authority = self._tls.client_ca
        configuration = grpc.ssl_server_certificate_configuration(
            [(self._tls.private_key.read_bytes(), self._tls.certificate.read_bytes())],
            root_certificates=None if authority is None else authority.read_bytes(),
        )
        self._read_when = stamps
        return configuration

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called for every handshake, on a thread of gRPC's; must not raise. None keeps what there is."""
        try:
            return self.read() if self._stamps() != self._read_when else None
        except OSError:
            log.service.warning("a TLS file cannot be read; the old certificate stays")
            return None

    def _stamps(self) -> tuple[tuple[int, ...], ...]:
        paths = (self._tls.certificate, self._tls.private_key, self._tls.client_ca)
        found = (path.stat() for path in paths if path is not None)
        # The inode too: a file may be replaced by one of the same age and length.
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found)
