"""What of a script's return value becomes findings."""

import pytest

from services.checker.errors import ScriptFailed
from services.checker.script_output import findings_in, is_request_url
from shared.severity import Severity

GOOD = {"summary": "s", "severity": "warning"}


def error_of(**fields):
    with pytest.raises(ScriptFailed) as failed:
        findings_in([GOOD | fields])
    return str(failed.value)


@pytest.mark.parametrize("severity", list(Severity))
def test_all_eight_severities_are_taken(severity):
    (finding,) = findings_in([GOOD | {"severity": severity.value}])
    assert finding.severity is severity


@pytest.mark.parametrize("text", ["Error", "ERROR", " error", "error\n", "\t eRRoR \r\n"])
def test_severity_is_trimmed_and_in_any_case(text):
    assert findings_in([GOOD | {"severity": text}])[0].severity is Severity.ERROR


@pytest.mark.parametrize("text", ["warn", "err", "fatal", "1", "erreur", "emergency!", "critical error"])
def test_other_severity_is_an_error_that_lists_the_known(text):
    error = error_of(severity=text)
    assert error.startswith(f"finding 1 has the unknown severity '{text}'; known: emergency, alert, critical, error")


@pytest.mark.parametrize("name", ["summary", "severity"])
def test_summary_and_severity_are_required(name):
    with pytest.raises(ScriptFailed, match=f"finding 1 has no {name}"):
        findings_in([{key: value for key, value in GOOD.items() if key != name}])
    assert error_of(**{name: ""}) == f"finding 1 has no {name}"


@pytest.mark.parametrize("name", ["summary", "description", "severity", "read_more_url"])
@pytest.mark.parametrize(
    ("value", "named"),
    [(None, "None"), (1, "an int"), (1.5, "a float"), (True, "a bool"), ([], "a list"), ({}, "a dict")],
    ids=str,
)
def test_text_has_to_be_a_string(name, value, named):
    assert error_of(**{name: value}) == f"finding 1: {name} has to be a string, not {named}"


def test_description_labels_and_url_are_optional():
    (finding,) = findings_in([GOOD])
    assert (finding.description, finding.labels, finding.read_more_url) == ("", {}, "")


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        pytest.param({"a": 1}, "finding 1: the label 'a' has to be a string, not an int", id="an int"),
        pytest.param({"a": None}, "finding 1: the label 'a' has to be a string, not None", id="None"),
        pytest.param({"a": True}, "finding 1: the label 'a' has to be a string, not a bool", id="a bool"),
        pytest.param({"a": "b", "c": ["d"]}, "finding 1: the label 'c' has to be a string, not a list", id="a list"),
        pytest.param([("a", "b")], "finding 1: labels has to be a dict of strings, not a list", id="pairs"),
        pytest.param("a=b", "finding 1: labels has to be a dict of strings, not a string", id="a string"),
        pytest.param(None, "finding 1: labels has to be a dict of strings, not None", id="no labels"),
    ],
)
def test_labels_have_to_be_a_dict_of_strings(labels, error):
    assert error_of(labels=labels) == error


@pytest.mark.parametrize("value", [{"a": {"b": {1: 2}}}, {1: 2}, {None: 1}, {(1, 2): 1}, [{True: 1}]], ids=str)
def test_key_that_is_no_string_is_an_error_wherever_it_stands(value):
    assert "which is no string" in error_of(extra=value)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**100])
def test_integer_of_more_than_64_bits_can_not_leave_the_script(number):
    assert error_of(extra=[{"deep": number}]) == "the script returned an integer of more than 64 bits"


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 0])
def test_integer_of_64_bits_can(number):
    assert len(findings_in([GOOD | {"extra": number}])) == 1


def test_extra_keys_are_ignored():
    assert findings_in([GOOD | {"target": "x", "stars": 5}]) == findings_in([GOOD])


def test_long_values_are_shortened_in_errors():
    assert len(error_of(severity="x" * 10_000)) < 400
    assert len(error_of(read_more_url="x" * 10_000)) < 400
    assert len(error_of(labels={"x" * 10_000: 1})) < 400


# Seen at Go's url.ParseRequestURI.
URLS = """
https://example.com
HTTPS://example.com:8443/a/b?c=d&e=f#g
https:
https:/path
https:///path
http://
x:y
a:b:c
a+b.c-d://h
mailto:dba@example.com
mailto:%zz
//host/path
///a
/
/docs/page
/a b?c#d
/a?%zz
/[x
*
https://a?b
https://a"b/
https://a<b>/
https://a:/
https://a:80:90/
https://[::1]/
https://[::1]:80/x
https://::1/
https://[fe80::1%25en0]/
https://u@h/
https://u:p@h/
https://u@v@h/
https://@/
https://:80/
https://é/
https://h%C3%A9/
https://h/é
https://h/a b
https://h/%20
https://h;x,y!$&'()*+=z/
https://h:65536000000/
"""
NO_URLS = r"""
foo
foo/bar
www.example.com/a
1http://x
ht tp://x
http//x
:x
://x
?x
#x
/%zz
/%2
https://h/%
https://h/%zz
https://h%zz/
https://h%41/
https://h%20/
https://%
https://a b/
https://a#b
https://a\b
https://a|b/
https://a^b/
https://a`b/
https://{x}/
https://a:b/
https://h:-1/
https://[::1/
https://[::1]a/
https://[::1]:x/
https://[fe80::1%en0]/
https://u p@h/
https://u[@h/
https://u:p%zz@h/
"""


@pytest.mark.parametrize("url", URLS.strip().split("\n"))
def test_absolute_url_or_path_is_taken(url):
    assert is_request_url(url)
    assert findings_in([GOOD | {"read_more_url": url}])[0].read_more_url == url


@pytest.mark.parametrize(
    "url", [*NO_URLS.strip().split("\n"), " https://h/", "https://h/\x00", "https://h/\x7f", "/\n"]
)
def test_other_text_is_no_url_to_read_more(url):
    assert not is_request_url(url)
    assert "read_more_url that is neither a URL nor an absolute path" in error_of(read_more_url=url)


def test_empty_url_is_none():
    assert findings_in([GOOD | {"read_more_url": ""}])[0].read_more_url == ""


@pytest.mark.parametrize("result", ["x", None, {}, 1, 1.5, True, ()])
def test_what_is_no_list_is_no_findings(result):
    with pytest.raises(ScriptFailed):
        findings_in(result)
