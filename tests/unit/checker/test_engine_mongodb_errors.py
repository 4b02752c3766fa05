"""What MongoDB's refusals of a command become: skipped where the server has no such command, an error otherwise."""

import pytest
from pymongo.errors import OperationFailure

from services.checker.engines.mongodb_errors import command_failure
from services.checker.engines.protocol import Login
from services.checker.errors import LoginRefused, NotHere, PrivilegeMissing, QueryFailed, TargetError
from shared.targets import Target

LOGIN = Login(Target(name="db1", engine="mongodb", host="db1.example.com", user="watchword"), "secret")


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        pytest.param(59, "no such command: 'getLog'", NotHere, id="unknown_to_mongodb"),
        pytest.param(115, "profile is not supported on mongos", NotHere, id="unknown_to_mongos"),
        pytest.param(303, "Feature not supported: getLog", NotHere, id="unknown_to_documentdb"),
        pytest.param(8000, "CMD_NOT_ALLOWED: getLog", NotHere, id="not_allowed_by_atlas"),
        pytest.param(8000, "bad auth : authentication failed", LoginRefused, id="login_refused_by_atlas"),
        pytest.param(13, "not authorized on admin to execute command", PrivilegeMissing, id="privilege_missing"),
        pytest.param(76, "not running with --replSet", QueryFailed, id="anything_else"),
    ],
)
def test_refused_command(code: int, words: str, kind: type[TargetError]) -> None:
    failure = command_failure(OperationFailure(words, code, {"errmsg": words, "code": code}), "getLog", LOGIN, 2)
    assert type(failure) is kind
    assert words in str(failure)
