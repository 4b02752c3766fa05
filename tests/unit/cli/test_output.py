import datetime as dt
import json

import pytest

from shared.severity import Severity
from watchword.cli import output
from watchword.cli.output import ago, clean, print_json, print_table, rank, span
from watchword.words import counted

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("a\nb\tc  d", "a b c d"),
        ("\u202eevil\u2066", "evil"),
        ("\x9b2J", "2J"),
        ("half \ud800 pair", "half pair"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
        ("ä 漢 🙂", "ä 漢 🙂"),
    ],
    ids=["escape", "lines", "direction", "C1", "surrogate", "markup", "letters"],
)
def test_no_text_can_steer_the_terminal(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert clean("a\n  b\r\nc\x1b", keep_lines=True) == "a\n  b\nc "


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (dt.timedelta(seconds=-5), "0s"),
        (dt.timedelta(seconds=59), "59s"),
        (dt.timedelta(seconds=119), "119s"),
        (dt.timedelta(seconds=120), "2m"),
        (dt.timedelta(minutes=119), "119m"),
        (dt.timedelta(hours=2), "2h"),
        (dt.timedelta(hours=23, minutes=59), "23h"),
        (dt.timedelta(hours=24), "1d"),
        (dt.timedelta(days=400), "400d"),
    ],
    ids=str,
)
def test_a_length_of_time_is_told_in_its_largest_unit(length: dt.timedelta, expected: str) -> None:
    assert span(length) == expected
    assert ago(NOW - length, NOW) == expected


def test_the_worst_severity_ranks_first_and_an_unknown_one_last() -> None:
    names = ["unheard-of", *reversed([one.value for one in Severity])]
    assert sorted(names, key=rank) == [*(one.value for one in Severity), "unheard-of"]


def test_in_a_pipe_a_row_is_one_line_however_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "text"], [["a", "word " * 200], ["b", "[red]x"]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0] == "NAME  TEXT"
    assert lines[1] == "a     " + ("word " * 200).strip()
    assert lines[2] == "b     [red]x"


def test_a_table_without_rows_is_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name"], [])
    assert capsys.readouterr().out == "NAME\n"


def test_json_is_whole_and_its_times_end_in_z(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": NOW, "name": "ü"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"at": "2026-01-01T00:00:00Z", "name": "ü"}
    assert "ü" in text


def test_a_complaint_is_plain_words_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain("no NATS server answers")
    output.complain("watchword.yaml:3:4: targets: wrong")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["error: no NATS server answers", "watchword.yaml:3:4: targets: wrong"]


@pytest.mark.parametrize(("number", "expected"), [(0, "0 checks"), (1, "1 check"), (2, "2 checks")])
def test_numbers_and_nouns_agree(number: int, expected: str) -> None:
    assert counted(number, "check") == expected
