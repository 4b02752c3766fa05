"""A checker with a public key, from the signed file to the result, on real servers."""

from pathlib import Path

import minisign
import pytest

from shared import subjects
from shared.checks import Check
from shared.streams import CONFIGURATION
from tests.integration.checker_fleet import Fleet, fleet_on
from tests.integration.command_line import CommandLine

PAIR = minisign.KeyPair.generate()
KEY = PAIR.public_key.to_base64().decode()
CHECK = """\
checks:
  - version: 2
    name: NAME
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SELECT, query: 1 AS one}]
    script: |
      def check_context(docs, context):
          return [{"summary": "seen", "severity": "notice"}]
"""


@pytest.fixture
def inventory(tmp_path: Path, postgresql) -> Path:
    """An inventory with a signed check and one that is not."""
    folder = tmp_path / "my-checks"
    folder.mkdir()
    for name in ("signed", "unsigned"):
        (folder / f"{name}.yml").write_text(CHECK.replace("NAME", name))
    content = (folder / "signed.yml").read_bytes()
    (folder / "signed.yml.minisig").write_bytes(bytes(PAIR.secret_key.sign(content)) + b"\n")
    file = tmp_path / "watchword.yaml"
    file.write_text(f"targets: [{{name: one, dsn: '{postgresql.dsn}'}}]\nchecks: [my-checks]\n")
    return file


async def apply(fleet: Fleet, inventory: Path) -> None:
    done = CommandLine(fleet.url).run("apply", str(inventory))
    assert done.code == 0, done.err


async def test_only_signed_checks_run_and_the_refusal_names_the_file(start_nats, inventory: Path) -> None:
    async with fleet_on(start_nats().url) as fleet:
        await apply(fleet, inventory)
        async with fleet.checker(check_public_key=KEY):
            await fleet.request()
            await fleet.status("one", "signed", "failed")
            error = await fleet.status("one", "unsigned", "error")
            assert "my-checks/unsigned.yml is not signed" in error.reason
            built_in = await fleet.status("one", "postgresql_superuser_roles", "error")
            assert "built-in is not signed" in built_in.reason
            assert await fleet.result("one", "unsigned") is None


async def test_a_definition_that_somebody_wrote_into_the_bucket_does_not_run(start_nats, inventory: Path) -> None:
    async with fleet_on(start_nats().url) as fleet:
        await apply(fleet, inventory)
        key = subjects.bucket_subject(CONFIGURATION, subjects.check_key("signed"))
        stored = await fleet.jetstream.get_last_msg(f"KV_{CONFIGURATION}", key)
        check = Check.model_validate_json(stored.data)
        evil = check.model_copy(update={"script": check.script.replace("seen", "owned")})
        async with fleet.checker(check_public_key=KEY):
            await fleet.request(checks=["signed"])
            await fleet.status("one", "signed", "failed")
            await fleet.put(subjects.check_key("signed"), evil.model_dump_json().encode())
            await fleet.request(checks=["signed"])
            error = await fleet.status("one", "signed", "error")
            assert "is not what my-checks/signed.yml says, which was signed" in error.reason
            verdict = await fleet.result("one", "signed")
            assert [finding.summary for finding in verdict.findings] == ["seen"], "the alert stays as it was"


async def test_a_checker_without_a_key_runs_everything(start_nats, inventory: Path) -> None:
    async with fleet_on(start_nats().url) as fleet:
        await apply(fleet, inventory)
        async with fleet.checker():
            await fleet.request(checks=["signed", "unsigned"])
            await fleet.status("one", "signed", "failed")
            await fleet.status("one", "unsigned", "failed")


def test_a_key_that_is_none_keeps_the_checker_from_starting() -> None:
    done = CommandLine("nats://127.0.0.1:1", {"WATCHWORD_CHECK_PUBLIC_KEY": "nonsense"}).run("serve", "checker")
    assert done.code == 2
    assert done.err.startswith("error: WATCHWORD_CHECK_PUBLIC_KEY: ")
    assert "is no public key of minisign" in done.err


def test_the_linter_says_what_such_a_checker_would_refuse(inventory: Path) -> None:
    watchword = CommandLine("nats://127.0.0.1:1")
    folder = str(inventory.parent / "my-checks")
    assert watchword("checks", "lint", folder).code == 0
    done = watchword("checks", "lint", folder, "--public-key", KEY)
    assert done.code == 1
    (line,) = done.out.splitlines()
    assert f"{folder}/unsigned.yml:3:11: error: unsigned: {folder}/unsigned.yml is not signed" in line
    assert watchword("checks", "lint", folder, "--public-key", "nonsense").code == 2
