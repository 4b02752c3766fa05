"""Until when is the certificate valid that a PostgreSQL server shows? No statement and no driver tells, so the server
is asked for its certificate over a connection of its own, which ends with the handshake: nothing is sent that anybody
could take, so nothing is verified here. Whether the server is the right one is for the connection that logs in.
"""

import asyncio
import contextlib
import ssl
import struct

from cryptography import x509

from services.checker.errors import Unreachable

NANOSECONDS = 1_000_000_000
ASK_FOR_TLS = struct.pack("!ii", 8, 80877103)
"""SSLRequest of PostgreSQL's protocol: its length and its code."""
AGREED = b"S"


async def certificate_expires(address: tuple[str, int], name: str, seconds: float) -> int:
    """Return the end of the certificate's validity in nanoseconds since 1970. Raises ``Unreachable``.

    ``name`` is what the server is called, for a proxy that has several behind it.
    """
    try:
        async with asyncio.timeout(seconds):
            certificate = x509.load_der_x509_certificate(await _shown(address, name))
    except (OSError, EOFError, ValueError) as error:
        failure = Unreachable(
            f"the certificate of {name}:{address[1]} can't be seen over a second connection:"
            f" {str(error) or type(error).__name__}"
        )
    else:
        return int(certificate.not_valid_after_utc.timestamp()) * NANOSECONDS
    raise failure


async def _shown(address: tuple[str, int], name: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(ASK_FOR_TLS)
        if await reader.readexactly(1) != AGREED:
            message = "it answers without TLS"
            raise ValueError(message)
        await writer.start_tls(context, server_hostname=name)
        # Never None: a server always shows one.
        shown = bytes(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        # With a farewell, for the server writes a line into its log about a client that just hangs up.
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return shown
    finally:
        writer.transport.abort()
