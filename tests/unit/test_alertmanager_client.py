"""What the client makes of everything that may answer at its URL, and what it shows of its secrets."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import shared.alertmanager
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert, PostedSilence
from shared.alertmanager_errors import (
    AlertmanagerBusy,
    AlertmanagerError,
    AlertmanagerRefused,
    AlertmanagerSilent,
    AlertmanagerUnauthorised,
    AlertmanagerUnreachable,
    BatchRefused,
    CredentialUnavailable,
    NotAnAlertmanager,
    PartlyRefused,
    SilenceRefused,
    TooManyRequests,
)
from shared.configuration import Credential
from shared.mutes import Matcher
from shared.targets import SecretReference, Tls

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECRET = "s3cr3t-of-the-test"
SILENCE = PostedSilence(
    matchers=(Matcher(name="a", value="b"),), starts_at=NOON, ends_at=NOON, created_by="ann", comment="c"
)

Ask = Callable[[AlertmanagerClient], Awaitable[Any]]


async def post_alerts(client: AlertmanagerClient) -> None:
    await client.post_alerts([PostedAlert(labels={"a": "b"}), PostedAlert(labels={"a": "c"})])


async def post_silence(client: AlertmanagerClient) -> str:
    return await client.post_silence(SILENCE)


async def delete_silence(client: AlertmanagerClient) -> None:
    await client.delete_silence("an/id")


ALL: dict[str, Ask] = {
    "post alerts": post_alerts,
    "get alerts": AlertmanagerClient.get_alerts,
    "get silences": AlertmanagerClient.get_silences,
    "post silence": post_silence,
    "delete silence": delete_silence,
    "get status": AlertmanagerClient.get_status,
}
every_request = pytest.mark.parametrize("ask", ALL.values(), ids=ALL.keys())


class Peer:
    """Something that answers every request with the same bytes, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: bytes | None = b""
        self.requests: list[bytes] = []
        self.url = ""

    def will_answer(self, status: int, body: bytes, headers: str = "") -> None:
        head = f"HTTP/1.1 {status} Whatever\r\ncontent-length: {len(body)}\r\n{headers}connection: close\r\n\r\n"
        self.answer = head.encode() + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            if self.answer is None:
                await reader.read()  # until the client has had enough
            else:
                writer.write(self.answer)
                await writer.drain()
        writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    found = Peer()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield found


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[AlertmanagerClient]:
    async with AlertmanagerClient(peer.url, timeout_seconds=5) as found:
        yield found


@every_request
@pytest.mark.parametrize(
    ("status", "kind", "may_have_happened"),
    [
        (401, AlertmanagerUnauthorised, False),
        (403, AlertmanagerUnauthorised, False),
        (429, TooManyRequests, False),
        (500, AlertmanagerBusy, True),
        (502, AlertmanagerBusy, True),
        (503, AlertmanagerBusy, True),
        (302, NotAnAlertmanager, False),
        (405, NotAnAlertmanager, False),
        (410, NotAnAlertmanager, False),
    ],
)
async def test_each_answer_tells_what_to_do_next(
    peer: Peer,
    client: AlertmanagerClient,
    ask: Ask,
    status: int,
    kind: type[AlertmanagerError],
    may_have_happened: bool,
) -> None:
    peer.will_answer(status, b"<html>why</html>", headers="location: http://elsewhere/\r\n")
    with pytest.raises(kind) as failed:
        await ask(client)
    assert type(failed.value) is kind
    assert failed.value.may_have_happened is may_have_happened
    assert str(failed.value).startswith(peer.url)
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, b'"invalid name \\"a-b\\""\n', PartlyRefused, 'invalid name "a-b"'),
        (400, b'{"code":400,"message":"parsing body failed"}', BatchRefused, "parsing body failed"),
        (422, b'{"code":601,"message":"not a uri"}', BatchRefused, "not a uri"),
        (422, b'"not a uri"', BatchRefused, "not a uri"),
        (413, b"<html>too large</html>", BatchRefused, "<html>too large</html>"),
        (400, b"", BatchRefused, "no reason given"),
    ],
    ids=["some dropped", "unreadable", "schema", "schema as a string", "a proxy", "without a word"],
)
async def test_alerts_that_are_refused_are_told_apart_from_those_that_were_stored(
    peer: Peer, client: AlertmanagerClient, status: int, body: bytes, kind: type[AlertmanagerRefused], reason: str
) -> None:
    peer.will_answer(status, body)
    with pytest.raises(AlertmanagerRefused) as refused:
        await post_alerts(client)
    assert type(refused.value) is kind
    assert refused.value.reason == reason


async def test_a_refused_silence_says_why(peer: Peer, client: AlertmanagerClient) -> None:
    peer.will_answer(400, b'"end time can\'t be in the past"')
    with pytest.raises(SilenceRefused, match="in the past"):
        await post_silence(client)


async def test_a_silence_to_change_that_is_not_there_is_refused(peer: Peer, client: AlertmanagerClient) -> None:
    peer.will_answer(404, b'"silence not found"')
    with pytest.raises(SilenceRefused, match="not found"):
        await client.post_silence(SILENCE.model_copy(update={"id": "gone"}))


async def test_a_new_silence_where_nothing_is_means_another_url(peer: Peer, client: AlertmanagerClient) -> None:
    peer.will_answer(404, b"404 page not found")
    with pytest.raises(NotAnAlertmanager, match="is a path missing"):
        await post_silence(client)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (404, b""), (404, b'"silence not found"'), (500, b'"silence not found"')],
    ids=["ended", "unknown", "unknown with a reason", "unknown in 0.25"],
)
async def test_ending_a_silence_that_is_not_there_is_done(
    peer: Peer, client: AlertmanagerClient, status: int, body: bytes
) -> None:
    peer.will_answer(status, body)
    await delete_silence(client)
    assert peer.requests[0].startswith(b"DELETE /api/v2/silence/an%2Fid ")


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b"{}", b'[{"labels": 3}]', b"[", b"\xff"], ids=str)
async def test_a_good_status_with_something_else_behind_it_is_no_alertmanager(
    peer: Peer, client: AlertmanagerClient, body: bytes
) -> None:
    peer.will_answer(200, body)
    with pytest.raises(NotAnAlertmanager):
        await client.get_alerts()


async def test_a_silence_without_an_id_is_no_alertmanagers(peer: Peer, client: AlertmanagerClient) -> None:
    peer.will_answer(200, b"{}")
    with pytest.raises(NotAnAlertmanager, match="without telling its id"):
        await post_silence(client)


async def test_an_answer_without_end_is_not_read_to_its_end(
    peer: Peer, client: AlertmanagerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.alertmanager, "LARGEST_ANSWER_BYTES", 1000)
    peer.will_answer(200, b"[" + b" " * 2000 + b"]")
    with pytest.raises(NotAnAlertmanager, match="more than 1000 bytes"):
        await client.get_alerts()


@every_request
async def test_no_answer_in_time_may_have_happened(peer: Peer, ask: Ask) -> None:
    peer.answer = None
    async with AlertmanagerClient(peer.url, timeout_seconds=0.2) as client:
        with pytest.raises(AlertmanagerSilent) as silent:
            await ask(client)
    assert silent.value.may_have_happened


@every_request
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[", b"not http\r\n\r\n"])
async def test_half_an_answer_may_have_happened(
    peer: Peer, client: AlertmanagerClient, ask: Ask, answer: bytes
) -> None:
    peer.answer = answer
    with pytest.raises(AlertmanagerSilent):
        await ask(client)


@every_request
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://name.invalid", "ftp://127.0.0.1", "http://[", "", "http://127.0.0.1:99999"]
)
async def test_where_nobody_is_nothing_was_sent(ask: Ask, url: str) -> None:
    async with AlertmanagerClient(url, timeout_seconds=5) as client:
        with pytest.raises(AlertmanagerUnreachable) as failed:
            await ask(client)
    assert not failed.value.may_have_happened


@pytest.mark.parametrize("path", ["/alertmanager", "/alertmanager/", "/a/b//"])
async def test_a_url_may_have_a_path(peer: Peer, path: str) -> None:
    peer.will_answer(200, b"[]")
    async with AlertmanagerClient(peer.url + path) as client:
        await client.get_alerts(['a="b c"', "d=~e"], silenced=False)
    shown = "active=true&silenced=false&inhibited=true&unprocessed=true&filter=a%3D%22b%20c%22&filter=d%3D~e"
    expected = f"GET {path.rstrip('/')}/api/v2/alerts?{shown} HTTP/1.1"
    assert peer.requests[0].decode().splitlines()[0].replace("+", "%20") == expected


class TestASecret:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "token").write_text(f"{SECRET}\n")
        return tmp_path

    @pytest.mark.parametrize(
        ("credential", "expected"),
        [
            (Credential(bearer_token=SecretReference(file="token")), f"bearer {SECRET}"),
            (Credential(username="u", password=SecretReference(env="WATCHWORD_SECRET_AM")), "basic dtpzm2nym3q="),
            (Credential(username="u"), "basic dto="),
        ],
        ids=["token from a file", "password from the environment", "no password"],
    )
    async def test_is_shown_to_the_server_alone(
        self, peer: Peer, folder: Path, credential: Credential, expected: str
    ) -> None:
        peer.will_answer(500, b"broken")
        environment = {"WATCHWORD_SECRET_AM": "s3cr3t"}
        async with AlertmanagerClient(peer.url, credential, secrets_folder=folder, environment=environment) as client:
            with pytest.raises(AlertmanagerBusy) as busy:
                await client.get_status()
        assert f"authorization: {expected}" in peer.requests[0].decode().lower()
        for shown in (str(busy.value), repr(busy.value), repr(client)):
            assert "s3cr3t" not in shown

    async def test_in_a_url_is_used_and_never_shown(self, peer: Peer) -> None:
        peer.will_answer(401, b"")
        async with AlertmanagerClient(peer.url.replace("//", "//u:s3cr3t@")) as client:
            with pytest.raises(AlertmanagerUnauthorised) as refused:
                await client.get_status()
        assert "authorization: basic dtpzm2nym3q=" in peer.requests[0].decode().lower()
        assert "s3cr3t" not in str(refused.value) + repr(client)

    async def test_that_was_exchanged_is_used_at_once(self, peer: Peer, folder: Path) -> None:
        peer.will_answer(200, b"[]")
        credential = Credential(bearer_token=SecretReference(file="token"))
        async with AlertmanagerClient(peer.url, credential, secrets_folder=folder) as client:
            await client.get_alerts()
            (folder / "token").write_text("new")
            await client.get_alerts()
        assert [SECRET.encode() in one for one in peer.requests] == [True, False]

    @pytest.mark.parametrize(
        "credential",
        [
            Credential(bearer_token=SecretReference(file="absent")),
            Credential(bearer_token=SecretReference(env="WATCHWORD_SECRET_ABSENT")),
            Credential(username="u", password=SecretReference(file="absent")),
        ],
        ids=["no file", "no variable", "no password"],
    )
    @every_request
    async def test_that_is_missing_sends_nothing(
        self, peer: Peer, folder: Path, credential: Credential, ask: Ask
    ) -> None:
        async with AlertmanagerClient(peer.url, credential, secrets_folder=folder, environment={}) as client:
            with pytest.raises(CredentialUnavailable, match=peer.url):
                await ask(client)
        assert not peer.requests

    async def test_that_cannot_stand_in_a_header_is_not_shown_by_the_error(self, peer: Peer, folder: Path) -> None:
        (folder / "token").write_text("s3cr3t-ü")
        credential = Credential(bearer_token=SecretReference(file="token"))
        async with AlertmanagerClient(peer.url, credential, secrets_folder=folder) as client:
            with pytest.raises(CredentialUnavailable) as unusable:
                await client.get_status()
        assert "s3cr3t" not in str(unusable.value)


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        (Tls(mode="disable"), "tls.mode is disable"),
        (Tls(ca_file="absent.pem"), "absent.pem"),
        (Tls(ca_file="broken.pem"), "can't be used"),
        (Tls(cert_file="broken.pem"), "can't be used"),
    ],
    ids=["no TLS on https", "no file", "no authority", "no certificate"],
)
async def test_tls_that_cannot_be_used_says_so_and_heals(tmp_path: Path, tls: Tls, reason: str) -> None:
    (tmp_path / "broken.pem").write_text("nothing")
    async with AlertmanagerClient("https://127.0.0.1:1", Credential(tls=tls), secrets_folder=tmp_path) as client:
        for _ in range(2):
            with pytest.raises(CredentialUnavailable, match=reason):
                await client.get_status()


async def test_a_proxy_of_the_environment_sees_nothing(
    peer: Peer, client: AlertmanagerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    peer.will_answer(200, b"[]")
    assert await client.get_alerts() == []
