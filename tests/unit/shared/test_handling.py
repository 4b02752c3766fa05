"""How is an error put into words that said none?"""

import pytest
from nats.errors import Error as NatsError
from nats.js.errors import ServiceUnavailableError

from shared.handling import reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(NatsError("broken"), "broken", id="words"),
        pytest.param(TimeoutError(), "TimeoutError", id="none"),
        pytest.param(ServiceUnavailableError(), "ServiceUnavailableError", id="a bare status"),
    ],
)
def test_an_error_is_told_by_its_words_or_else_by_its_name(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_status_with_a_description_tells_it() -> None:
    assert "no leader" in reason_of(ServiceUnavailableError(code=503, description="no leader"))
