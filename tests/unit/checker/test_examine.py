"""What one look at a target asks and how its answers become outcomes; the databases themselves are for integration."""

import pytest

from services.checker.engines.protocol import Limits, Login, Server
from services.checker.errors import PrivilegeMissing, QueryTimeout, SomeDatabasesFailed, Unreachable
from services.checker.examine import examine
from services.checker.script import ScriptFinding, ScriptOutcome
from shared.checks import Query, QueryType
from shared.errors import LeaseLost

ONE = Query(type=QueryType.POSTGRESQL_SELECT, text="1 AS one")
TWO = Query(type=QueryType.POSTGRESQL_SELECT, text="2 AS two")


class Recorded:
    """A connection that answers from a table and remembers what it was asked."""

    server = Server("postgresql", "postgresql", "18.6", is_encrypted=False)

    def __init__(self, answers):
        self.answers, self.asked, self.is_closed = answers, [], False

    async def execute(self, query, timeout_seconds):
        del timeout_seconds
        self.asked.append(query)
        answer = self.answers[query]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        self.is_closed = True


class Scripts:
    """Finds one weakness for each row of the first document."""

    async def run(self, job):
        rows = job.documents[0]
        rows = [row for part in rows.values() for row in part] if isinstance(rows, dict) else rows
        return ScriptOutcome(tuple(ScriptFinding("weak", "", "warning", {}, "") for _ in rows))


@pytest.fixture
def look(inventory):
    async def look(queries, answers, **more):
        target = inventory.target("t")
        checks = [inventory.check(name, queries=asked) for name, asked in queries.items()]
        connection = Recorded(answers)

        async def connect(login, limits):
            del login, limits
            return connection

        result = await examine(
            target,
            checks,
            login=lambda: Login(target, None),
            connect=connect,
            scripts=Scripts(),
            limits=Limits(),
            **more,
        )
        assert connection.is_closed
        return {outcome.check.name: outcome for outcome in result.outcomes}, connection.asked

    return look


async def test_each_distinct_query_is_sent_once_whatever_many_checks_ask_it(look):
    outcomes, asked = await look({"a": [ONE], "b": [ONE, TWO], "c": [TWO]}, {ONE: [], TWO: [{}]})
    assert asked == [ONE, TWO]
    assert {name: outcome.status for name, outcome in outcomes.items()} == {"a": "passed", "b": "passed", "c": "failed"}


async def test_query_that_fails_is_an_error_of_the_checks_that_asked_it_and_of_no_other(look):
    refused = PrivilegeMissing("GRANT it")
    outcomes, asked = await look({"a": [ONE], "b": [TWO]}, {ONE: refused, TWO: []})
    assert asked == [ONE, TWO]
    assert (outcomes["a"].status, outcomes["a"].reason) == ("error", "GRANT it")
    assert outcomes["b"].status == "passed"


async def test_lost_connection_is_not_asked_again(look):
    outcomes, asked = await look({"a": [ONE], "b": [TWO]}, {ONE: Unreachable("gone"), TWO: []})
    assert asked == [ONE]
    assert {outcome.status for outcome in outcomes.values()} == {"error"}


async def test_rows_of_the_databases_that_answered_are_not_hidden_by_one_that_did_not(look):
    partly = SomeDatabasesFailed({"shop": [{}]}, {"orders": QueryTimeout("too slow")})
    outcomes, _ = await look({"a": [ONE]}, {ONE: partly})
    assert (outcomes["a"].status, outcomes["a"].is_partial, len(outcomes["a"].found)) == ("error", True, 1)
    assert "orders: too slow" in outcomes["a"].reason


async def test_nothing_is_asked_when_the_lease_is_about_to_end(look):
    with pytest.raises(LeaseLost):
        await look({"a": [ONE]}, {ONE: []}, remaining_seconds=lambda: 1.1)
