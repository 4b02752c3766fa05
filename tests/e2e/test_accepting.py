"""An accepted finding fires no alert until its time is over; another severity is another alert, at once."""

import pytest

from tests.integration.checker_fleet import eventually

FAILS = """
def check_context(docs, context):
  return [{"summary": "weak", "severity": "warning", "labels": {"row": "1"}}]
"""


@pytest.fixture
async def fleet(pipeline, postgresql):
    place = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": "postgres"}
    await pipeline.fleet.target("one", **place)
    await pipeline.fleet.check("fails", FAILS)
    for stage in ("scheduler", "checker", "publisher"):
        pipeline.start(stage)
    return pipeline.fleet


async def transitions(fleet):
    return [(event["transition"], event["severity"]) for event in await fleet.all_events("alert.>")]


async def test_accepting_ends_the_alert_and_the_end_of_its_time_brings_it_back_without_a_run(pipeline, fleet):
    await pipeline.alert("fails", "one")
    done = pipeline.run("checks", "accept", "fails", "--target", "one", "--for", "20s", "--reason", "for a moment")
    assert done.returncode == 0, done.stderr
    await pipeline.no_alert("fails", "one")

    async def stamped():
        result = await fleet.result("one", "fails")
        return result.findings[0].accepted

    assert (await eventually(stamped, "a verdict that says so")).reason == "for a moment"
    shown = pipeline.run("run", "--target", "one", "--wait")
    assert shown.returncode == 0, shown.stdout
    assert "for a moment" in shown.stdout
    listed = pipeline.run("alerts", "--all")
    assert "for a moment" in listed.stdout
    runs = len(await fleet.all_events("check.started.>"))
    alert = await pipeline.alert("fails", "one", timeout_seconds=40)
    assert alert["status"]["state"] == "active"
    assert len(await fleet.all_events("check.started.>")) == runs
    assert (await transitions(fleet))[:2] == [("firing", "warning"), ("resolved", "warning")]


async def test_another_severity_takes_the_place_of_the_alert_at_once(pipeline, fleet):
    assert (await pipeline.alert("fails", "one"))["labels"]["severity"] == "warning"
    done = pipeline.run("checks", "severity", "fails", "critical", "--target", "one", "--reason", "exposed")
    assert done.returncode == 0, done.stderr

    async def look():
        severities = [alert["labels"]["severity"] for alert in await pipeline.alerts(silenced="false")]
        return severities == ["critical"]

    await eventually(look, "the alert to be critical", 20)
    await eventually(lambda: _has(fleet, ("firing", "critical")), "its event")


async def _has(fleet, transition):
    return transition in await transitions(fleet)


async def test_a_parameter_for_targets_with_a_label_is_heeded_at_once(pipeline, fleet, tmp_path, postgresql):
    folder = tmp_path / "own"
    folder.mkdir()
    folder.joinpath("checks.yml").write_text(COUNTS)
    inventory = folder / "watchword.yaml"
    targets = f"targets: [{{name: lab, dsn: '{postgresql.dsn}', labels: {{environment: lab}}}}]\nchecks: [checks.yml]\n"
    inventory.write_text(targets)
    assert pipeline.run("apply", str(inventory)).returncode == 0
    await pipeline.alert("counts", "lab")
    inventory.write_text(
        targets + "settings: {parameters: [{check: counts, labels: {environment: lab}, values: {most: 9}}]}\n"
    )
    assert pipeline.run("apply", str(inventory)).returncode == 0
    await pipeline.no_alert("counts", "lab")


COUNTS = """\
checks:
  - version: 2
    name: counts
    summary: Too many
    description: There are more rows than there should be.
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SELECT, query: "count(*) AS rows FROM generate_series(1, 5)"}]
    parameters: {most: 3}
    script: |
      def check_context(docs, context):
          if docs[0][0]["rows"] <= context["parameters"]["most"]:
              return []
          return [{"summary": "Too many", "severity": "notice"}]
"""
