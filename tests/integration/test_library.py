"""Every built-in check sees its weakness, with its labels, and sees that it is gone after its own remediation. What no
server at hand can be made to do is proven on documented replies; ``library_proofs`` has one description for each.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from services.checker.sandbox import Sandbox
from services.checker.script import ScriptFinding, ScriptJob
from shared.checks import Engine
from tests.integration.library_proofs import mongodb, mysql, postgresql
from tests.integration.library_proofs.lab import Lab, Start
from tests.integration.library_proofs.proof import Documented, Live
from watchword.check_files.library import built_in_checks

CHECKS = {check.name: check for check in built_in_checks()}
PROOFS = (*postgresql.PROOFS, *mysql.PROOFS, *mongodb.PROOFS)
LIVE = [proof for proof in PROOFS if isinstance(proof, Live)]
DOCUMENTED = [proof for proof in PROOFS if isinstance(proof, Documented)]
SHARED: dict[Engine, Start] = {
    "postgresql": postgresql.start_shared(),
    "mysql": mysql.start_shared(),
    "mongodb": mongodb.start_shared(),
}


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


@pytest.mark.parametrize("proof", LIVE, ids=lambda proof: proof.name)
async def test_the_weakness_is_seen_and_its_remediation_ends_it(
    proof: Live, shared_lab: Callable[[Engine], Lab]
) -> None:
    check = CHECKS[proof.check]
    lab = Lab.started(proof.own_server) if proof.own_server else shared_lab(check.engine)
    try:
        async with Sandbox(workers=1, spares=0) as scripts:
            proof.weaken(lab)
            weak = await lab.look(check, scripts, proof.parameters)
            assert (weak.status, weak.reason) == ("failed", None)
            the_finding(proof, weak.found)
            if proof.accepted:
                names = (*proof.parameters.get("accepted", ()), proof.accepted)
                accepted = await lab.look(check, scripts, {"accepted": names})
                assert proof.labels not in [finding.labels for finding in accepted.found]
            for finding in weak.found:
                lab.remedy(check, finding, proof.by_hand, proof.afterwards)
            fixed = await lab.look(check, scripts, proof.parameters)
            assert (fixed.status, fixed.reason, fixed.found) == ("passed", None, ())
    finally:
        if proof.own_server:
            lab.close()


@pytest.mark.parametrize("proof", DOCUMENTED, ids=lambda proof: proof.name)
async def test_the_documented_reply_is_seen_and_its_twin_passes(proof: Documented) -> None:
    check = CHECKS[proof.check]
    assert len(proof.weak) == len(proof.good) == len(check.queries)
    parameters = {name: parameter.default for name, parameter in check.parameters.items()}
    async with Sandbox(workers=1, spares=0) as scripts:
        weak = await scripts.run(ScriptJob(check.name, check.script, check.format, proof.weak, parameters))
        assert weak.error is None
        the_finding(proof, weak.findings)
        good = await scripts.run(ScriptJob(check.name, check.script, check.format, proof.good, parameters))
        assert (good.error, good.findings) == (None, ())


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
    assert {proof.check for proof in LIVE if proof.accepted} == {
        name for name, check in CHECKS.items() if "accepted" in check.parameters
    }


def test_every_proof_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(proof.name for proof in PROOFS).items() if count > 1] == []
