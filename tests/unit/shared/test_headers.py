"""What do the headers of a stored message say, when only some are asked for? The same as when all are read."""

from hypothesis import example, given
from hypothesis import strategies as st

from shared.headers import PLAIN, StoredHeaders, read_headers

ASKED = ("content-type", "Nats-Stream", "x", "", "a b", "u", "ü", "\n", "x:y", "NATS/1.0")
LINES = st.lists(
    st.sampled_from(
        [f"{name}{colon} {value}" for name in ASKED for colon in (":", " :", "") for value in (*ASKED, "1")]
    )
    .map(str.encode)
    .flatmap(lambda line: st.sampled_from([line, b" " + line, line + b"\xff", line + b"\n"]))
    | st.binary(max_size=12),
    max_size=5,
)


@given(LINES.map(b"\r\n".join), st.sampled_from(ASKED), st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]))
@example(b"content-type: a\r\ncontent-type: b", "content-type", b"\r\n\r\n")
@example(b"content-type: a\r\n content-type : b", "content-type", b"\r\n\r\n")
@example(b"x: content-type: b", "content-type", b"\r\n\r\n")
@example(b"content-type: a", "content-type", b"")
def test_one_header_is_looked_up_as_if_all_were_read(lines: bytes, name: str, end: bytes) -> None:
    whole = read_headers(lines + end)
    assert StoredHeaders(PLAIN + lines + end).get(name) == whole.get(name)
    assert (name in StoredHeaders(PLAIN + lines + end)) == (name in whole)


@given(LINES.map(b"\r\n".join))
def test_all_headers_are_there_for_whoever_wants_them(lines: bytes) -> None:
    assert dict(StoredHeaders(PLAIN + lines)) == read_headers(lines)
    assert len(StoredHeaders(PLAIN + lines)) == len(read_headers(lines))


def test_a_name_that_can_not_be_written_is_no_headers() -> None:
    assert "\ud800" not in StoredHeaders(PLAIN + b"x: 1\r\n\r\n")
    assert 1 not in StoredHeaders(PLAIN + b"1: 1\r\n\r\n")
