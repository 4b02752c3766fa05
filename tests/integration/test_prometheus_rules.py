"""The rules for a Prometheus that watches the stages: promtool says when each of them fires."""

import subprocess
from pathlib import Path

import pytest
import yaml

from shared import telemetry
from watchword.debian_packages import find_program

RULES = Path(telemetry.__file__).parents[1] / "deploy" / "prometheus" / "watchword.rules.yml"
AM = '{instance="p1", alertmanager="http://am:9093"}'
READY = 'watchword_ready{stage="publisher", instance="p1"}'
ERRORS, SENT = f"watchword_notifications_errors_total{AM}", f"watchword_notifications_sent_total{AM}"


@pytest.mark.parametrize(
    ("alert", "series", "is_firing"),
    [
        pytest.param("WatchwordNoPublisher", {READY: "1x30"}, False, id="a-publisher-is-ready"),
        pytest.param("WatchwordNoPublisher", {READY: "0x30"}, True, id="it-is-not-ready"),
        pytest.param("WatchwordNoPublisher", {}, True, id="there-is-none"),
        pytest.param("WatchwordBlindAlertmanager", {ERRORS: "0+1x30", SENT: "5x30"}, True, id="nothing-arrives"),
        pytest.param("WatchwordBlindAlertmanager", {ERRORS: "0+1x30", SENT: "5+1x30"}, False, id="some-arrive"),
        pytest.param("WatchwordBlindAlertmanager", {ERRORS: "3x30", SENT: "5x30"}, False, id="nothing-to-send"),
        pytest.param("WatchwordDeadLetters", {'watchword_dead_letters_total{stage="checker"}': "0x25 1x5"}, True),
        pytest.param("WatchwordAlertsRefused", {f"watchword_notifications_dropped_total{AM}": "0x25 1x5"}, True),
        pytest.param(
            "WatchwordMessagesFail",
            {'watchword_messages_total{stage="checker", kind="run_due", outcome="failed"}': "0x25 1x5"},
            True,
        ),
        pytest.param("WatchwordStageNotReady", {'watchword_ready{stage="checker"}': "0x30"}, True),
        pytest.param("WatchwordStageGone", {'up{job="watchword"}': "0x30"}, True),
    ],
)
def test_a_rule_fires_when_it_should(alert: str, series: dict[str, str], is_firing: bool, tmp_path: Path) -> None:
    query = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)'
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {"expr": query, "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": int(is_firing)}]}
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    program = find_program("prometheus", "promtool").path
    done = subprocess.run(
        [program, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_the_rules_is_one_that_the_stages_have() -> None:
    from prometheus_client import REGISTRY

    from services.publisher import telemetry as publisher

    assert publisher.DROPPED
    known = {metric.name for metric in REGISTRY.collect()}
    text = RULES.read_text()
    named = {
        word for word in text.replace("{", " ").replace("[", " ").replace("(", " ").split() if "watchword_" in word
    }
    assert named
    assert {name.removesuffix("_total") for name in named} <= known
