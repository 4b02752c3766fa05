"""What a reference to a secret stands for, and what it can't reach."""

import os
from pathlib import Path

import pytest

from shared.secrets import LARGEST_SECRET_BYTES, SecretMissing, secret_file, secret_value
from shared.targets import SecretReference


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "secrets"
    below.mkdir()
    (tmp_path / "outside").write_text("hidden")
    return below


def by_path(path: str) -> SecretReference:
    """Return a reference that its model would refuse: this room does not rely on who made it."""
    return SecretReference.model_construct(env=None, file=path)


def test_a_variable_is_read() -> None:
    reference = SecretReference(env="WATCHWORD_SECRET_X")
    assert secret_value("it", reference, None, {"WATCHWORD_SECRET_X": "value"}) == "value"


@pytest.mark.parametrize("environment", [{}, {"WATCHWORD_SECRET_X": ""}], ids=["absent", "empty"])
def test_a_variable_that_is_not_set_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(SecretMissing, match=r"the password of X: the variable WATCHWORD_SECRET_X is not set"):
        secret_value("the password of X", SecretReference(env="WATCHWORD_SECRET_X"), None, environment)


def test_no_other_variable_is_read() -> None:
    with pytest.raises(SecretMissing, match="only variables named"):
        secret_value("it", SecretReference.model_construct(env="HOME", file=None), None, {"HOME": "/root"})


@pytest.mark.parametrize("content", ["value", "value\n", "value\r\n"], ids=["bare", "with a newline", "with CR LF"])
def test_a_file_is_read_without_the_end_of_its_line(folder: Path, content: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "x").write_bytes(content.encode())
    assert secret_value("it", SecretReference(file="sub/x"), folder, {}) == "value"


def test_a_link_below_the_folder_is_followed(folder: Path) -> None:
    (folder / "..data").mkdir()
    (folder / "..data" / "x").write_text("value")
    (folder / "x").symlink_to("..data/x")
    assert secret_value("it", SecretReference(file="x"), folder, {}) == "value"
    assert secret_file("it", "x", folder) == folder.resolve() / "..data" / "x"


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "link", "chain", "loop", "absent", ".", "", "a\x00b", "x" * 5000]
)
def test_nothing_out_of_the_folder_is_read(folder: Path, path: str) -> None:
    (folder / "link").symlink_to("../outside")
    (folder / "chain").symlink_to("link")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(SecretMissing) as missing:
        secret_value("it", by_path(path), folder, {})
    assert "hidden" not in str(missing.value)


def test_without_a_folder_no_file_is_read() -> None:
    with pytest.raises(SecretMissing, match="WATCHWORD_SECRETS_FOLDER is not set"):
        secret_value("it", SecretReference(file="x"), None, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"s3cr3t\nsecond", "control characters"),
        (b"s3cr3t\x00", "control characters"),
        (b"s3cr3t\xff", "not UTF-8"),
        (b"s" * (LARGEST_SECRET_BYTES + 1), "has more than"),
    ],
    ids=["empty", "only a newline", "two lines", "a zero", "bytes", "large"],
)
def test_a_file_that_is_no_secret_is_told_without_its_content(folder: Path, content: bytes, reason: str) -> None:
    (folder / "x").write_bytes(content)
    with pytest.raises(SecretMissing) as missing:
        secret_value("it", SecretReference(file="x"), folder, {})
    assert reason in str(missing.value)
    assert "s3cr3t" not in str(missing.value)


def test_a_pipe_does_not_hold_us(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(SecretMissing, match="not an ordinary file"):
        secret_value("it", SecretReference(file="pipe"), folder, {})


def test_a_variable_with_a_second_line_is_refused_without_its_value() -> None:
    reference = SecretReference(env="WATCHWORD_SECRET_X")
    with pytest.raises(SecretMissing, match="control characters") as missing:
        secret_value("it", reference, None, {"WATCHWORD_SECRET_X": "s3cr3t\r\nx-header: 1"})
    assert "s3cr3t" not in str(missing.value)


def test_a_link_that_is_exchanged_after_it_was_looked_at_is_refused(folder: Path, monkeypatch) -> None:
    """Between the look and the reading somebody puts a link to the outside there."""
    (folder / "x").write_text("value")
    really_open = os.open

    def exchanged(path: Path, flags: int) -> int:
        (folder / "x").unlink()
        (folder / "x").symlink_to("../outside")
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", exchanged)
    with pytest.raises(SecretMissing, match="can't be read"):
        secret_value("it", SecretReference(file="x"), folder, {})
