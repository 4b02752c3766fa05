"""What does a log line look like, for machines and for people?"""

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from shared.telemetry import configure_logging


@pytest.fixture
def log_is_as_before() -> Iterator[None]:
    """Leave the logging of the process as it was."""
    root = logging.getLogger()
    handlers, level, names = root.handlers[:], root.level, {}
    for name in ("httpx", "uvicorn", "nats"):
        names[name] = logging.getLogger(name).level
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level
    for name, its_level in names.items():
        logging.getLogger(name).setLevel(its_level)


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.usefixtures("log_is_as_before")
def test_a_line_for_machines_is_one_json_object() -> None:
    out = io.StringIO()
    configure_logging("json", "info", out)
    structlog.get_logger("stage").info("asked for a run", target="t\n1", count=2)
    (line,) = lines(out)
    assert line.pop("timestamp")
    assert line == {"event": "asked for a run", "target": "t\n1", "count": 2, "level": "info"}


@pytest.mark.usefixtures("log_is_as_before")
def test_what_libraries_log_comes_in_the_same_form() -> None:
    out = io.StringIO()
    configure_logging("json", "info", out)
    logging.getLogger("some.library").warning("slow %s", "query")
    (line,) = lines(out)
    assert (line["event"], line["level"]) == ("slow query", "warning")


@pytest.mark.usefixtures("log_is_as_before")
@pytest.mark.parametrize("chatty", ["httpx", "uvicorn.access", "nats"])
def test_chatty_libraries_are_heard_only_when_something_is_wrong(chatty: str) -> None:
    out = io.StringIO()
    configure_logging("json", "info", out)
    logging.getLogger(chatty).info("GET https://user:password@host")
    logging.getLogger(chatty).warning("really wrong")
    assert [line["event"] for line in lines(out)] == ["really wrong"]


@pytest.mark.usefixtures("log_is_as_before")
@pytest.mark.parametrize(
    ("level", "heard"), [("debug", ["a", "b", "c"]), ("info", ["b", "c"]), ("warning", ["c"]), ("error", [])]
)
def test_the_level_chooses_what_is_heard(level: str, heard: list[str]) -> None:
    out = io.StringIO()
    configure_logging("json", level, out)
    log = structlog.get_logger("stage")
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [line["event"] for line in lines(out)] == heard


@pytest.mark.usefixtures("log_is_as_before")
@pytest.mark.parametrize("form", ["text", "auto"])
def test_an_exception_is_told_with_its_traceback(form: Literal["text", "auto"]) -> None:
    out = io.StringIO()
    configure_logging(form, "info", out)
    try:
        int("a bug")
    except ValueError:
        structlog.get_logger("stage").exception("failed")
    assert "ValueError: invalid literal for int() with base 10: 'a bug'" in out.getvalue().replace("\\n", "\n")
    assert "test_telemetry.py" in out.getvalue()
