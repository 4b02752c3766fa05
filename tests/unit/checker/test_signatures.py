"""Which checks may run on a checker with a key: those that are what a signed file says, and no other."""

import base64
from collections.abc import Callable
from pathlib import Path

import minisign
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from services.checker.signatures import Signatures, public_keys
from shared.check_files.reading import MAX_SIGNED_BYTES, read_checks
from shared.checks import Check, Parameter, Query, QueryType

FILE = """\
checks:
  - version: 2
    name: signed
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SHOW}]
    script: |
      def check_context(docs, context):
          return []
"""

# Made once by the program minisign 0.11 of this very text.
KEY_OF_THE_PROGRAM = "RWSUokSnyL48BdamvzrSO/LVZsjUysS26a9GgjqEyDaByASZ76AsEafh"
OF_THE_PROGRAM = {
    "as it signs now": """\
untrusted comment: signature from minisign secret key
RUSUokSnyL48BWDf5q8K3weyhiJox/dhA9FaZlYXvzErVpE8e5z0hU8tAGvtP9Z4mHzBsoBW5ukp3BqZRdtXRZVKbPJSdY2+Pw4=
trusted comment: the new kind
Kxu/DR5RPRTxX98IMRp0ptnaTPAOO2DEtyNmYmfJ+umoCF8RRxfi1DyL1syCK0RL3nT3ztEWq1LDfhxATDTfDQ==
""",
    "as it signed before": """\
untrusted comment: signature from minisign secret key
RWSUokSnyL48Bb6qoboylG/AE40Kb3hD59J+1RLEb9hCXzzRptx3jdRwRX69CIGNLo64xwBIIXAkqjAXHk7SUz6k3s0HpSDsZAc=
trusted comment: the old kind
aEtpPuXFOtK+3lFkouc6UwXh6n4PgH1daflnYZ4n9apuejV2YFObhV9Siwq57gwVIt/62G1z5zPgFbojAI94CA==
""",
}
PAIR, OTHER = minisign.KeyPair.generate(), minisign.KeyPair.generate()
HERE = Signatures([PAIR.public_key])


def signed_by(pair: minisign.KeyPair, text: str) -> str:
    return bytes(pair.secret_key.sign(text.encode())).decode() + "\n"


def read(folder: Path, text: str = FILE, signature: str | None = None, name: str = "signed") -> Check:
    """Read a file as ``apply`` does; signed by our key unless told otherwise."""
    file = folder / "mine.yml"
    file.write_text(text)
    beside = folder / "mine.yml.minisig"
    beside.write_text(signed_by(PAIR, text) if signature is None else signature)
    (check,) = [each for each in read_checks([file]).checks if each.name == name]
    return check.model_copy(update={"source": "my-checks/mine.yml"})


def in_the_bucket(check: Check) -> Check:
    return Check.model_validate_json(check.model_dump_json(exclude_none=True))


@pytest.mark.parametrize("signature", OF_THE_PROGRAM.values(), ids=OF_THE_PROGRAM)
def test_what_the_program_minisign_signed_may_run(tmp_path: Path, signature: str) -> None:
    check = in_the_bucket(read(tmp_path, signature=signature))
    assert Signatures(public_keys(KEY_OF_THE_PROGRAM)).refusal(check) is None
    assert "none of its content by a key of this checker" in (HERE.refusal(check) or "")


def test_without_a_key_everything_may_run(tmp_path: Path) -> None:
    assert Signatures().refusal(read(tmp_path, signature="nonsense")) is None


def test_one_of_several_keys_is_enough(tmp_path: Path) -> None:
    keys = f"{OTHER.public_key.to_base64().decode()}, {PAIR.public_key.to_base64().decode()}"
    assert Signatures(public_keys(keys)).refusal(read(tmp_path)) is None


def test_every_generation_of_files_is_read_as_it_was_when_it_was_applied(tmp_path: Path) -> None:
    text = """\
advisors: [{version: 1, name: mine, summary: s, description: d, category: security}]
---
checks:
  - {version: 1, name: first, summary: s, description: d, type: MYSQL_SHOW, query: VARIABLES, script: x = 1}
---
checks:
  - version: 2
    name: second
    summary: s
    description: d
    advisor: mine
    family: POSTGRESQL
    queries: [{type: POSTGRESQL_SELECT, query: 1, parameters: {all_dbs: true}}]
    parameters: {most: 3, names: [a, b], part: 0.5}
    requires: {versions: ">=10", flavours: [postgresql]}
    references: x
    remediation: y {{z}}
    script: x = 1
"""
    for name in ("first", "second"):
        assert HERE.refusal(in_the_bucket(read(tmp_path, text, name=name))) is None


def test_the_category_may_come_from_a_file_of_advisors_elsewhere(tmp_path: Path) -> None:
    assert HERE.refusal(read(tmp_path).model_copy(update={"category": "security"})) is None


REFUSED: dict[str, tuple[Callable[[Check], Check], str]] = {
    "no signature": (lambda check: check.model_copy(update={"signature": ""}), "is not signed"),
    "no bytes": (lambda check: check.model_copy(update={"signed": ""}), "is not signed"),
    "a signature that is none": (lambda check: check.model_copy(update={"signature": "x\ny\n"}), "can't be read"),
    "bytes that are none": (lambda check: check.model_copy(update={"signed": "***"}), "can't be read"),
    "another key": (
        lambda check: check.model_copy(update={"signature": signed_by(OTHER, FILE)}),
        "none of its content by a key of this checker",
    ),
    "other bytes": (
        lambda check: check.model_copy(update={"signed": base64.b64encode(FILE.encode() + b"\n").decode()}),
        "none of its content by a key of this checker",
    ),
    "another script": (
        lambda check: check.model_copy(update={"script": "evil"}),
        "is not what my-checks/mine.yml says",
    ),
    "another query": (
        lambda check: check.model_copy(
            update={"queries": (Query(type=QueryType.POSTGRESQL_SELECT, text="pg_sleep(9)"),)}
        ),
        "is not what my-checks/mine.yml says",
    ),
    "a parameter more": (
        lambda check: check.model_copy(update={"parameters": {"a": Parameter(default=1)}}),
        "is not what my-checks/mine.yml says",
    ),
    "another name": (lambda check: check.model_copy(update={"name": "else"}), "is signed, and has no check else"),
    "another engine": (lambda check: check.model_copy(update={"engine": "mysql"}), "is not what"),
    "another remediation": (lambda check: check.model_copy(update={"remediation": "DROP TABLE x"}), "is not what"),
}


@pytest.mark.parametrize(("change", "told"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_with_the_name_of_the_file(
    tmp_path: Path, change: Callable[[Check], Check], told: str
) -> None:
    check = read(tmp_path)
    assert HERE.refusal(check) is None
    reason = Signatures([PAIR.public_key]).refusal(change(check)) or ""
    assert told in reason
    assert "my-checks/mine.yml" in reason


@given(some.data())
def test_no_changed_byte_of_the_signature_or_the_file_passes(data: some.DataObject) -> None:
    signature, content = signed_by(PAIR, FILE).encode(), FILE.encode()
    which = data.draw(some.sampled_from(["signature", "content"]))
    changed = bytearray(signature if which == "signature" else content)
    lines = bytes(changed).split(b"\n")
    # The untrusted comment is not signed, which is why it is called so.
    begin = len(lines[0]) + 1 if which == "signature" else 0
    at = data.draw(some.integers(begin, len(changed) - 2))
    changed[at] = data.draw(some.integers(0, 255).filter(lambda byte: byte != changed[at]))
    if which == "signature":
        assume(not _says_the_same(bytes(changed), signature))
        signature = bytes(changed)
    else:
        content = bytes(changed)
    check = Check(
        name="signed",
        engine="postgresql",
        summary="A summary",
        description="A description",
        queries=(Query(type=QueryType.POSTGRESQL_SHOW),),
        script="def check_context(docs, context):\n    return []\n",
        signed=base64.b64encode(content).decode(),
        signature=signature.decode("latin-1"),
    )
    assert HERE._refusal(check) is not None


def _says_the_same(changed: bytes, signature: bytes) -> bool:
    """Base64 has bits that say nothing, and lines may end in several ways."""
    try:
        return bytes(minisign.Signature.from_bytes(changed)) == bytes(minisign.Signature.from_bytes(signature))
    except minisign.Error:
        return False


def test_a_definition_that_was_written_anew_is_verified_anew(tmp_path: Path) -> None:
    signatures = Signatures([PAIR.public_key])
    check = read(tmp_path)
    assert signatures.refusal(check) is None
    assert signatures.refusal(check) is None
    assert signatures.refusal(check.model_copy(update={"script": "evil"})) is not None
    assert signatures.refusal(check) is None


def test_a_built_in_check_is_refused_until_somebody_signs_it(tmp_path: Path) -> None:
    check = read(tmp_path, signature="").model_copy(update={"source": "built-in"})
    assert "built-in is not signed" in (HERE.refusal(check) or "")


@pytest.mark.parametrize("text", ["nonsense", "RWSUokSn", KEY_OF_THE_PROGRAM[:-4] + "????"])
def test_what_is_no_key_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no public key of minisign"):
        public_keys(text)


def test_a_file_that_is_too_large_to_travel_travels_unsigned_and_says_so(tmp_path: Path) -> None:
    text = FILE + "# " + "x" * MAX_SIGNED_BYTES
    file = tmp_path / "mine.yml"
    file.write_text(text)
    (tmp_path / "mine.yml.minisig").write_text(signed_by(PAIR, text))
    reading = read_checks([file])
    assert [problem.severity for problem in reading.problems] == ["warning"]
    assert "too large to travel" in reading.problems[0].message
    assert "is not signed" in (HERE.refusal(reading.checks[0]) or "")


def test_many_checks_in_one_file_do_not_multiply_without_bound(tmp_path: Path) -> None:
    entry = FILE.removeprefix("checks:\n")
    entries = [entry.replace("name: signed", f"name: signed_{n}") for n in range(150)]
    text = "checks:\n" + "".join(entries)
    file = tmp_path / "mine.yml"
    file.write_text(text)
    (tmp_path / "mine.yml.minisig").write_text(signed_by(PAIR, text))
    reading = read_checks([file])
    assert len(reading.checks) == 150
    assert sum(len(check.signed) for check in reading.checks) < 6 * 1024 * 1024
