"""Is a connection to NATS protected where that was asked for, and never quietly otherwise? On real servers with TLS."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from examples.servers.certificates import Certificates, write_certificates
from services.silencer.app import make_silencer
from services.silencer.settings import SilencerSettings
from shared.connecting import connected
from shared.errors import NatsUnavailable
from shared.settings import ProcessSettings
from shared.stage import started
from watchword.embedded import EmbeddedServer, NatsSettings, embedded_nats

PASSWORD = "canary-of-nats"


@dataclass(frozen=True)
class Servers:
    plain: EmbeddedServer
    encrypted: EmbeddedServer
    mutual: EmbeddedServer
    ours: Certificates
    others: Certificates


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("tls")
    ours, others = write_certificates(folder / "ours"), write_certificates(folder / "others")
    files = f'cert_file: "{ours.certificate_path}", key_file: "{ours.key_path}"'
    configurations = {
        "plain": "",
        "encrypted": f"tls {{ {files} }}",
        "mutual": f'tls {{ {files}, ca_file: "{ours.authority_path}", verify: true }}',
    }
    with ExitStack() as running:
        made = {}
        for name, more in configurations.items():
            made[name] = embedded_nats(NatsSettings(folder / name, port=0, extra_configuration=more))
            running.enter_context(made[name].process)
        yield Servers(**made, ours=ours, others=others)


def settings(server: EmbeddedServer, scheme: str = "tls", **fields: object) -> ProcessSettings:
    return ProcessSettings(nats_url=f"{scheme}://127.0.0.1:{server.port}", **fields)  # type: ignore[arg-type]


async def refusal(wanted: ProcessSettings) -> str:
    with pytest.raises(NatsUnavailable) as refused:
        async with asyncio.timeout(30), connected(wanted, "test"):
            pass
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_the_right_authority_is_trusted_whatever_the_url_says(servers: Servers, scheme: str) -> None:
    async with connected(settings(servers.encrypted, scheme, nats_ca_file=servers.ours.authority_path), "test") as one:
        assert one._transport._io_writer.get_extra_info("ssl_object").cipher()


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_another_authority_is_refused_with_what_to_do(servers: Servers, scheme: str) -> None:
    said = await refusal(settings(servers.encrypted, scheme, nats_ca_file=servers.others.authority_path))
    assert "certificate that can't be trusted" in said
    assert "WATCHWORD_NATS_CA_FILE" in said


async def test_a_server_is_verified_also_when_nothing_is_configured(servers: Servers) -> None:
    assert "can't be trusted" in await refusal(settings(servers.encrypted))


async def test_a_certificate_for_another_name_is_refused(servers: Servers) -> None:
    wanted = settings(servers.encrypted, nats_ca_file=servers.ours.authority_path)
    elsewhere = wanted.model_copy(update={"nats_url": wanted.nats_url.replace("127.0.0.1", "127.0.0.2")})
    # The server listens on 127.0.0.1 alone, so somebody passes what comes to another address on to it.
    async with _passed_on("127.0.0.2", servers.encrypted.port) as port:
        url = f"tls://127.0.0.2:{port}"
        assert "can't be trusted" in await refusal(elsewhere.model_copy(update={"nats_url": url}))


async def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(servers: Servers) -> None:
    trusting = {"nats_ca_file": servers.ours.authority_path}
    ours = {"nats_cert_file": servers.ours.client_certificate_path, "nats_key_file": servers.ours.client_key_path}
    async with connected(settings(servers.mutual, **trusting, **ours), "test") as one:
        assert one.is_connected
    await refusal(settings(servers.mutual, **trusting))


@pytest.mark.parametrize("how", ["by the URL", "by an authority", "by a certificate"])
async def test_nothing_goes_in_clear_where_tls_was_asked_for(servers: Servers, how: str) -> None:
    """The server of an enemy leaves TLS out of its greeting and waits for the password."""
    heard = bytearray()
    has_gone = asyncio.Event()

    async def enemy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.12.0","proto":1,"max_payload":1048576,"headers":true}\r\n')
        heard.extend(await reader.read(4096))
        writer.close()
        await writer.wait_closed()
        has_gone.set()

    listening = await asyncio.start_server(enemy, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    asked = {
        "by the URL": {"nats_url": f"tls://127.0.0.1:{port}"},
        "by an authority": {"nats_url": f"nats://127.0.0.1:{port}", "nats_ca_file": servers.ours.authority_path},
        "by a certificate": {
            "nats_url": f"nats://127.0.0.1:{port}",
            "nats_cert_file": servers.ours.client_certificate_path,
            "nats_key_file": servers.ours.client_key_path,
        },
    }[how]
    try:
        said = await refusal(ProcessSettings(nats_user="checker", nats_password=PASSWORD, **asked))  # type: ignore[arg-type]
        assert "offers no TLS" in said
        assert PASSWORD not in said
        async with asyncio.timeout(30):
            await has_gone.wait()
    finally:
        listening.close()
        await listening.wait_closed()
    assert bytes(heard) == b""


async def test_a_stage_connects_safely_or_not_at_all(servers: Servers) -> None:
    for server, why in ((servers.plain, "offers no TLS"), (servers.encrypted, "can't be trusted")):
        wanted = SilencerSettings(nats_url=f"tls://127.0.0.1:{server.port}", nats_ca_file=servers.others.authority_path)
        application, stage = make_silencer(wanted)
        stage.is_health_served_elsewhere = True
        with pytest.raises(NatsUnavailable, match=f"silencer.*{why}"):
            async with asyncio.timeout(30), started(application):
                pass


@asynccontextmanager
async def _passed_on(address: str, to_port: int) -> AsyncIterator[int]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to_port)
        writers.extend((writer, back))
        await asyncio.gather(_pump(reader, back), _pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, address, 0, family=socket.AF_INET)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(65536):
        sink.write(piece)
        await sink.drain()
    sink.close()


def test_the_settings_show_no_secret() -> None:
    shown = ProcessSettings(nats_user="checker", nats_password=PASSWORD, nats_token=PASSWORD)  # type: ignore[arg-type]
    assert PASSWORD not in f"{shown!r} {shown} {shown.model_dump()} {shown.model_dump_json()}"
