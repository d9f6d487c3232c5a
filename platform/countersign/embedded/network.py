"""The address of the service: checking that it is free, asking whether it answers."""

import errno
import http.client
import socket

from countersign.embedded.problems import Problem

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound


def local_host(host: str) -> str:
    """The address to reach a server that listens on `host` from this machine."""
    return _WILDCARDS.get(host, host)


def local_url(host: str, port: int) -> str:
    """The URL to reach the service from this machine."""
    name = local_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def require_free(host: str, port: int) -> None:
    """Raise `Problem` unless a server could listen on this address now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise Problem(f"the address {host} is unknown ({error.strerror}): use --host 127.0.0.1") from error
    with socket.socket(family, kind, protocol) as probe:
        # As the server will: a connection that just closed does not block the address, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Problem(
                    f"port {port} on {host} is in use by another program: "
                    "stop that one, or choose another port, for example make run PORT=8001"
                ) from error
            raise Problem(
                f"port {port} on {host} cannot be used ({error.strerror}): choose another"
            ) from error


def status(host: str, port: int, path: str) -> int | None:
    """The HTTP status of a GET, or None when nobody answers."""
    connection = http.client.HTTPConnection(local_host(host), port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
