"""Requests over HTTP to this machine."""
import contextlib
import http.client
import ssl

from eventually import DEADLINE_SECONDS


def request(port, method, path, body=None, headers=None, ca=None, seconds=DEADLINE_SECONDS):
    """Status and text of the answer. A body is JSON unless `headers` say otherwise. With
    `ca`, a certificate in PEM, it is TLS to localhost."""
    if ca is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    else:
        connection = http.client.HTTPSConnection(
            "localhost", port, timeout=seconds, context=ssl.create_default_context(cadata=ca))
    with contextlib.closing(connection):
        type_of_body = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, body, type_of_body | (headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()
