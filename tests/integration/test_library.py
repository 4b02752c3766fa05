"""Every built-in check sees its weakness, with its labels, and sees that it is gone after its own remediation. What no
server at hand can be made to do is proven on documented replies; ``library_proofs`` has one description for each.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.checker.sandbox import Sandbox
from services.checker.script import ScriptFinding, ScriptJob
from shared.checks import Check, Engine
from tests.integration.library_proofs.every_proof import DOCUMENTED, LIVE, PROOFS, SHARED
from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.ledger import Ledger
from tests.integration.library_proofs.proof import Documented, Live
from watchword.check_files.library import built_in_checks

CHECKS = {check.name: check for check in built_in_checks()}


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Callable[[Engine], Lab]]:
    """One server of each engine for the weaknesses that can be made while it runs."""
    labs: dict[Engine, Lab] = {}

    def lab(engine: Engine) -> Lab:
        if engine not in labs:
            labs[engine] = Lab.started(SHARED[engine])
        return labs[engine]

    yield lab
    for each in labs.values():
        each.close()


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Where a proof writes that it came to its end; ``ledger.py`` fails a run in which a line is missing."""
    return Ledger(request.config)


@pytest.mark.parametrize("proof", LIVE, ids=lambda proof: proof.name)
async def test_the_weakness_is_seen_and_its_remediation_ends_it(
    proof: Live, shared_lab: Callable[[Engine], Lab], ledger: Ledger
) -> None:
    check = CHECKS[proof.check]
    lab = Lab.started(proof.own_server) if proof.own_server else shared_lab(check.engine)
    try:
        async with Sandbox(workers=1, spares=0) as scripts:
            proof.weaken(lab)
            weak = await lab.look(check, scripts, proof.parameters)
            assert (weak.status, weak.reason) == ("failed", None)
            the_finding(proof, weak.found)
            on = f"{lab.seen.server.flavour} {lab.seen.server.version}" if lab.seen.server else lab.server.engine
            await the_same_when_values_change(check, lab, scripts, proof, weak.found)
            if proof.accepted:
                names = (*proof.parameters.get("accepted", ()), proof.accepted)
                accepted = await lab.look(check, scripts, {"accepted": names})
                assert proof.labels not in [finding.labels for finding in accepted.found]
            for finding in weak.found:
                lab.remedy(check, finding, proof.by_hand, proof.afterwards)
            fixed = await lab.look(check, scripts, proof.parameters)
            assert (fixed.status, fixed.reason, fixed.found) == ("passed", None, ())
            ledger.write(proof.check, proof.case, on, "weakness seen", "remediation executed", "passed seen")
    finally:
        if proof.own_server:
            lab.close()


async def the_same_when_values_change(
    check: Check, lab: Lab, scripts: Sandbox, proof: Live, found: tuple[ScriptFinding, ...]
) -> None:
    """See that a second look, and one that measures other numbers, find the same weaknesses: the same alerts."""
    labels = labels_of(found)
    assert len(labels) == len(found), "two findings with the same labels are one alert"
    answers = [lab.seen.answers[query].document for query in check.queries]
    parameters = {name: parameter.default for name, parameter in check.parameters.items()} | dict(proof.parameters)
    changed = await scripts.run(
        ScriptJob(check.name, check.script, check.format, [counted_up(each) for each in answers], parameters)
    )
    assert changed.error is None
    assert labels_of(changed.findings) <= labels
    again = await lab.look(check, scripts, proof.parameters)
    assert labels_of(again.found) == labels


def labels_of(findings: tuple[ScriptFinding, ...]) -> set[tuple[tuple[str, str], ...]]:
    return {tuple(sorted(finding.labels.items())) for finding in findings}


def counted_up(answer: Any) -> Any:
    """Return an answer in which every number is one higher."""
    if isinstance(answer, Mapping):
        return {name: counted_up(value) for name, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [counted_up(value) for value in answer]
    return answer + 1 if isinstance(answer, int | float) and not isinstance(answer, bool) else answer


@pytest.mark.parametrize("proof", DOCUMENTED, ids=lambda proof: proof.name)
async def test_the_documented_reply_is_seen_and_its_twin_passes(proof: Documented, ledger: Ledger) -> None:
    check = CHECKS[proof.check]
    assert len(proof.weak) == len(proof.good) == len(check.queries)
    parameters = {name: parameter.default for name, parameter in check.parameters.items()}
    job = ScriptJob(check.name, check.script, check.format, proof.weak, parameters)
    async with Sandbox(workers=1, spares=0) as scripts:
        weak = await scripts.run(job)
        assert weak.error is None
        the_finding(proof, weak.findings)
        if proof.accepted:
            accepted = await scripts.run(replace(job, parameters={**parameters, "accepted": list(proof.accepted)}))
            assert (accepted.error, accepted.findings) == (None, ())
        good = await scripts.run(replace(job, documents=proof.good))
        assert (good.error, good.findings) == (None, ())
    ledger.write(proof.check, proof.case, f"the reply of {proof.source}", "documented reply seen", "twin passed")


def the_finding(proof: Live | Documented, findings: tuple[ScriptFinding, ...]) -> None:
    """See that there is exactly one finding with the labels, and that it says what the proof says."""
    found = [finding for finding in findings if finding.labels == dict(proof.labels)]
    assert len(found) == 1, findings
    assert found[0].severity == proof.severity
    assert found[0].read_more_url.startswith("https://")
    if isinstance(proof, Live):
        assert proof.summary in found[0].summary


def test_every_built_in_check_has_a_proof_and_every_proof_a_check() -> None:
    assert {proof.check for proof in PROOFS} == set(CHECKS)


def test_every_check_that_takes_exceptions_is_seen_to_take_one() -> None:
    assert {proof.check for proof in PROOFS if proof.accepted} == {
        name for name, check in CHECKS.items() if "accepted" in check.parameters
    }


def test_every_proof_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(proof.name for proof in PROOFS).items() if count > 1] == []
