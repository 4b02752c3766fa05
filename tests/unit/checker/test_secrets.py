"""What an inventory can make a checker read: variables of one prefix and ordinary files below one folder, and no error
that shows what a secret contains. The same table holds for passwords and for the files of TLS.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.checker.engines.protocol import Login
from services.checker.errors import SecretUnavailable
from services.checker.secrets import resolve
from shared.secrets import LARGEST_SECRET_BYTES
from shared.targets import SecretReference, Target, Tls

CANARY = "canary-7c1f pass/word%"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    made.mkdir()
    (tmp_path / "outside").write_text(CANARY)
    return made


def target(password: SecretReference | None = None, tls: Tls | None = None) -> Target:
    return Target(name="orders", engine="postgresql", password=password, tls=tls or Tls(mode="prefer"))


def resolved(
    reference: SecretReference | None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    private: Mapping[str, str] | None = None,
) -> Login:
    return resolve(target(reference), folder, environment or {}, private or {})


def refusal(reference: SecretReference, folder: Path | None, environment: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SecretUnavailable) as refused:
        resolved(reference, folder, environment)
    error: BaseException | None = refused.value
    while error is not None:
        assert CANARY not in repr(error.args)
        error = error.__context__
    return str(refused.value)


def test_target_without_a_reference_has_no_password(folder: Path) -> None:
    assert resolved(None, folder).password is None


def test_password_comes_from_a_variable() -> None:
    reference = SecretReference(env="WATCHWORD_SECRET_ORDERS")
    assert resolved(reference, environment={"WATCHWORD_SECRET_ORDERS": CANARY}).password == CANARY


@pytest.mark.parametrize("environment", [{}, {"WATCHWORD_SECRET_ORDERS": ""}], ids=["unset", "empty"])
def test_variable_that_is_not_set_is_named(environment: Mapping[str, str]) -> None:
    said = refusal(SecretReference(env="WATCHWORD_SECRET_ORDERS"), None, environment)
    assert said == (
        "password of orders: the variable WATCHWORD_SECRET_ORDERS is not set in this process; set it and start the "
        "process again"
    )


def test_other_variables_are_not_read_even_when_a_reference_was_not_validated() -> None:
    forged = SecretReference.model_construct(env="AWS_SECRET_ACCESS_KEY", file=None)
    assert "only variables named WATCHWORD_SECRET_… are read" in refusal(
        forged, None, {"AWS_SECRET_ACCESS_KEY": CANARY}
    )


@pytest.mark.parametrize(
    ("content", "password"),
    [
        ("secret", "secret"),
        ("secret\n", "secret"),
        ("secret\r\n", "secret"),
        (" se cret \n", " se cret "),
        ("pässwörd\n", "pässwörd"),
    ],
)
def test_password_comes_from_a_file_without_its_last_line_end(folder: Path, content: str, password: str) -> None:
    (folder / "orders").write_bytes(content.encode())
    assert resolved(SecretReference(file="orders"), folder).password == password


def test_folders_below_the_folder_are_fine(folder: Path) -> None:
    (folder / "team" / "a").mkdir(parents=True)
    (folder / "team" / "a" / "orders").write_text(CANARY)
    assert resolved(SecretReference(file="team/a/orders"), folder).password == CANARY


def test_kubernetes_mounts_secrets_by_links_within_the_folder(folder: Path) -> None:
    (folder / "..2026_11_23").mkdir()
    (folder / "..2026_11_23" / "orders").write_text(CANARY)
    (folder / "..data").symlink_to("..2026_11_23")
    (folder / "orders").symlink_to("..data/orders")
    assert resolved(SecretReference(file="orders"), folder).password == CANARY


def test_folder_itself_may_be_a_link(folder: Path) -> None:
    (folder / "orders").write_text(CANARY)
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert resolved(SecretReference(file="orders"), link).password == CANARY


@pytest.mark.parametrize("lead", ["../outside", "/etc/passwd", "inner/../../outside"])
def test_reference_that_leads_out_is_refused_even_when_it_was_not_validated(folder: Path, lead: str) -> None:
    (folder / "inner").mkdir()
    forged = SecretReference.model_construct(env=None, file=lead)
    assert "leads out of" in refusal(forged, folder)


@pytest.mark.parametrize("to", ["../outside", "/etc/passwd"])
def test_link_that_leads_out_is_refused(folder: Path, to: str) -> None:
    (folder / "orders").symlink_to(to)
    assert "leads out of" in refusal(SecretReference(file="orders"), folder)


def test_link_to_a_folder_outside_is_refused(folder: Path) -> None:
    (folder / "inner").symlink_to("..")
    assert "leads out of" in refusal(SecretReference(file="inner/outside"), folder)


def test_folder_beside_with_the_same_beginning_is_outside(folder: Path) -> None:
    beside = folder.parent / "secrets-of-others"
    beside.mkdir()
    (beside / "x").write_text(CANARY)
    (folder / "orders").symlink_to(beside / "x")
    assert "leads out of" in refusal(SecretReference(file="orders"), folder)


def test_missing_file_is_named_with_the_folder(folder: Path) -> None:
    said = refusal(SecretReference(file="orders"), folder)
    assert said == f"password of orders: orders is not to be found below {folder} (No such file or directory)"


def test_links_in_a_circle_are_refused(folder: Path) -> None:
    (folder / "orders").symlink_to("orders")
    assert "is not to be found" in refusal(SecretReference(file="orders"), folder)


def test_checker_without_a_folder_says_so() -> None:
    assert "WATCHWORD_SECRETS_FOLDER is not set" in refusal(SecretReference(file="orders"), None)


def test_folder_is_no_secret(folder: Path) -> None:
    (folder / "orders").mkdir()
    assert "is not an ordinary file" in refusal(SecretReference(file="orders"), folder)


@pytest.mark.timeout(10)
def test_fifo_is_refused_and_holds_nobody(folder: Path) -> None:
    os.mkfifo(folder / "orders")
    assert "is not an ordinary file" in refusal(SecretReference(file="orders"), folder)


def test_largest_secret_is_taken_and_one_byte_more_is_not(folder: Path) -> None:
    (folder / "orders").write_text("x" * LARGEST_SECRET_BYTES)
    assert len(resolved(SecretReference(file="orders"), folder).password or "") == LARGEST_SECRET_BYTES
    (folder / "orders").write_text(CANARY + "x" * LARGEST_SECRET_BYTES)
    assert "has more than 65536 bytes" in refusal(SecretReference(file="orders"), folder)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_empty_file_is_no_password(folder: Path, content: bytes) -> None:
    (folder / "orders").write_bytes(content)
    assert "is empty" in refusal(SecretReference(file="orders"), folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (CANARY.encode() + b"\xff", "is not UTF-8 text"),
        (CANARY.encode() + b"\x00", "has control characters"),
        (CANARY.encode() + b"\n\n", "has control characters"),
        (CANARY.encode() + b"\nuser=x", "has control characters"),
    ],
    ids=["not UTF-8", "NUL", "two line ends", "a second line"],
)
def test_file_that_is_no_secret_is_refused_without_showing_it(folder: Path, content: bytes, reason: str) -> None:
    (folder / "orders").write_bytes(content)
    assert reason in refusal(SecretReference(file="orders"), folder)


def test_private_password_wins_over_a_reference() -> None:
    reference = SecretReference(env="WATCHWORD_SECRET_ORDERS")
    login = resolved(reference, environment={"WATCHWORD_SECRET_ORDERS": "other"}, private={"orders": CANARY})
    assert login.password == CANARY


def test_files_of_tls_are_resolved_below_the_folder(folder: Path) -> None:
    for name in ("ca.pem", "client.pem", "client.key"):
        (folder / name).write_text("-")
    tls = Tls(ca_file="ca.pem", cert_file="client.pem", key_file="client.key")
    login = resolve(target(tls=tls), folder, {}, {})
    assert (login.ca_file, login.cert_file, login.key_file) == (
        folder / "ca.pem",
        folder / "client.pem",
        folder / "client.key",
    )


@pytest.mark.parametrize("which", ["ca_file", "cert_file", "key_file"])
def test_file_of_tls_that_leads_out_is_refused(folder: Path, which: str) -> None:
    (folder / "x.pem").symlink_to("../outside")
    with pytest.raises(SecretUnavailable, match=rf"^tls\.{which} of orders: x\.pem leads out of"):
        resolve(target(tls=Tls.model_validate({which: "x.pem"})), folder, {}, {})


def test_login_shows_no_password() -> None:
    login = resolved(None, private={"orders": CANARY})
    assert CANARY not in repr(login)
    assert CANARY not in str(login)
    assert CANARY not in f"{login!r:>50}"
