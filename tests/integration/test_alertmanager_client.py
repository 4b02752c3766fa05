"""What a real Alertmanager answers to the client, measured on the version that is at hand (0.25 in Debian 12)."""

import datetime as dt
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert, PostedSilence, fingerprint
from shared.alertmanager_errors import (
    AlertmanagerError,
    AlertmanagerRefused,
    AlertmanagerUnauthorised,
    AlertmanagerUnreachable,
    BatchRefused,
    NotAnAlertmanager,
    PartlyRefused,
    SilenceRefused,
)
from shared.configuration import Credential
from shared.mutes import Matcher
from shared.targets import SecretReference, Tls
from tests.conftest import StartAlertmanager
from watchword.embedded import EmbeddedServer


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def silence_on(name: str, **fields: object) -> PostedSilence:
    asked = {
        "matchers": (Matcher(name="alertname", value=name),),
        "starts_at": now() - dt.timedelta(minutes=5),
        "ends_at": now() + dt.timedelta(hours=1),
        "created_by": "ann",
        "comment": "known",
    }
    return PostedSilence.model_validate({**asked, **fields})


@pytest.fixture
async def client(alertmanager: EmbeddedServer) -> AsyncIterator[AlertmanagerClient]:
    async with AlertmanagerClient(alertmanager.url) as found:
        yield found


@pytest.fixture
def name() -> str:
    return f"alert-{uuid.uuid4().hex[:12]}"


async def test_an_alert_fires_with_the_fingerprint_that_we_computed_and_is_resolved(
    client: AlertmanagerClient, name: str
) -> None:
    labels = {"alertname": name, "role": "wärt 💡", "empty": ""}
    in_an_hour = now() + dt.timedelta(hours=1)
    await client.post_alerts(
        [PostedAlert(labels=labels, annotations={"summary": "s"}, starts_at=now(), ends_at=in_an_hour)]
    )
    [shown] = await client.get_alerts([f'alertname="{name}"'])
    assert shown.fingerprint == fingerprint(labels)
    assert shown.labels == {"alertname": name, "role": "wärt 💡"}
    assert shown.annotations == {"summary": "s"}
    await client.post_alerts([PostedAlert(labels=labels, ends_at=now() - dt.timedelta(minutes=1))])
    assert await client.get_alerts([f'alertname="{name}"']) == []


async def test_of_a_partly_refused_batch_the_valid_ones_are_stored(client: AlertmanagerClient, name: str) -> None:
    good = PostedAlert(labels={"alertname": name})
    with pytest.raises(PartlyRefused, match="invalid") as refused:
        await client.post_alerts([good, PostedAlert(labels={"a-b": "x"})])
    assert refused.value.may_have_happened
    assert len(await client.get_alerts([f'alertname="{name}"'])) == 1


async def test_of_a_refused_batch_nothing_is_stored(client: AlertmanagerClient, name: str) -> None:
    good = PostedAlert(labels={"alertname": name})
    with pytest.raises(BatchRefused, match="uri") as refused:
        await client.post_alerts([good, PostedAlert(labels={"alertname": name, "a": "b"}, generator_url="not a url")])
    assert not refused.value.may_have_happened
    assert await client.get_alerts([f'alertname="{name}"']) == []


async def test_a_broken_filter_is_refused(client: AlertmanagerClient) -> None:
    with pytest.raises(AlertmanagerRefused):
        await client.get_alerts(["no matcher"])


async def test_a_silence_is_made_shown_changed_in_place_and_ended_twice(client: AlertmanagerClient, name: str) -> None:
    await client.post_alerts([PostedAlert(labels={"alertname": name})])
    silence_id = await client.post_silence(silence_on(name))
    [silence] = [one for one in await client.get_silences() if one.id == silence_id]
    assert silence.state == "active"
    assert silence.matchers == (Matcher(name="alertname", value=name),)
    assert (silence.created_by, silence.comment) == ("ann", "known")
    assert abs(silence.starts_at - now()) < dt.timedelta(seconds=10)
    assert await client.get_alerts([f'alertname="{name}"'], silenced=False) == []
    [shown] = await client.get_alerts([f'alertname="{name}"'])
    assert shown.status.silenced_by == [silence_id]
    changed = silence_on(name, id=silence_id, starts_at=silence.starts_at, comment="changed")
    assert await client.post_silence(changed) == silence_id
    await client.delete_silence(silence_id)
    await client.delete_silence(silence_id)
    [ended] = [one for one in await client.get_silences() if one.id == silence_id]
    assert not ended.is_living
    assert len(await client.get_alerts([f'alertname="{name}"'], silenced=False)) == 1


async def test_ending_an_unknown_silence_is_done(client: AlertmanagerClient) -> None:
    await client.delete_silence(str(uuid.uuid4()))


@pytest.mark.parametrize(
    "fields",
    [
        {"ends_at": now() - dt.timedelta(hours=1)},
        {"matchers": (Matcher(name="alertname", value=""),)},
        {"matchers": ()},
        {"matchers": (Matcher(name="alertname", value="(?!x)", is_regex=True),)},
        {"id": str(uuid.uuid4())},
    ],
    ids=["in the past", "matches nothing", "no matchers", "no RE2", "unknown id"],
)
async def test_a_silence_that_is_not_valid_is_refused(
    client: AlertmanagerClient, name: str, fields: dict[str, object]
) -> None:
    with pytest.raises(SilenceRefused):
        await client.post_silence(silence_on(name, **fields))


async def test_the_status_tells_a_restart(start_alertmanager: StartAlertmanager) -> None:
    server = start_alertmanager()
    async with AlertmanagerClient(server.url) as client:
        before = await client.get_status()
        assert before.version
        assert before.cluster_state == "disabled"
        server.process.restart()
        after = await client.get_status()
        assert before.started_at is not None
        assert after.started_at is not None
        assert after.started_at > before.started_at


async def test_one_that_is_down_is_unreachable_and_answers_again_later(start_alertmanager: StartAlertmanager) -> None:
    server = start_alertmanager()
    async with AlertmanagerClient(server.url) as client:
        await client.get_status()
        server.process.kill()
        with pytest.raises(AlertmanagerUnreachable):
            await client.get_status()
        server.process.restart()
        assert (await client.get_status()).version


async def test_a_url_with_a_path_and_one_without_it(start_alertmanager: StartAlertmanager) -> None:
    server = start_alertmanager(route_prefix="/monitoring/alertmanager")
    async with AlertmanagerClient(server.url) as client:
        assert await client.get_alerts() == []
    async with AlertmanagerClient(server.url.removesuffix("/monitoring/alertmanager")) as client:
        with pytest.raises(NotAnAlertmanager, match="is a path missing"):
            await client.get_alerts()


async def test_basic_authentication(start_alertmanager: StartAlertmanager, tmp_path: Path) -> None:
    password, hashed = "hunter2", "$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8."
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users:\n  watchword: {hashed}\n")
    server = start_alertmanager(web_configuration_file=web)
    reference = SecretReference(env="WATCHWORD_SECRET_AM")
    good = Credential(username="watchword", password=reference)
    environment = {"WATCHWORD_SECRET_AM": password}
    async with AlertmanagerClient(server.url, good, environment=environment) as client:
        assert await client.get_alerts() == []
    async with AlertmanagerClient(server.url, good, environment={"WATCHWORD_SECRET_AM": "wrong"}) as client:
        with pytest.raises(AlertmanagerUnauthorised, match="does not accept our credential"):
            await client.get_alerts()
    async with AlertmanagerClient(server.url) as client:
        with pytest.raises(AlertmanagerUnauthorised):
            await client.get_alerts()


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server's certificate for 127.0.0.1, and a client's."""
    folder = tmp_path_factory.mktemp("certificates")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"]
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem", folder=folder)
    for name, extension in [("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")]:
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", folder=folder)
        (folder / f"{name}.ext").write_text(extension)
        sign = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        files = ["-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.pem"]
        openssl(*sign, *files, folder=folder)
    (folder / "web.yml").write_text(
        "tls_server_config:\n"
        f"  cert_file: {folder}/server.pem\n"
        f"  key_file: {folder}/server.key\n"
        "  client_auth_type: RequireAndVerifyClientCert\n"
        f"  client_ca_file: {folder}/ca.pem\n"
    )
    return folder


async def test_certificates_of_both_sides(start_alertmanager: StartAlertmanager, certificates: Path) -> None:
    server = start_alertmanager(web_configuration_file=certificates / "web.yml", serves_tls=True)
    both = Tls(ca_file="ca.pem", cert_file="client.pem", key_file="client.key")

    def client_with(tls: Tls | None, url: str = server.url) -> AlertmanagerClient:
        return AlertmanagerClient(url, Credential(tls=tls), secrets_folder=certificates)

    async with client_with(both) as client:
        assert await client.get_alerts() == []
    localhost = server.url.replace("127.0.0.1", "localhost")
    for wrong in (client_with(Tls(ca_file="ca.pem")), client_with(None), client_with(both, localhost)):
        async with wrong as client:
            with pytest.raises(AlertmanagerError):
                await client.get_alerts()
    async with client_with(both.model_copy(update={"mode": "verify-ca"}), localhost) as client:
        assert await client.get_alerts() == []
    async with client_with(Tls(mode="require", cert_file="client.pem", key_file="client.key")) as client:
        assert await client.get_alerts() == []
