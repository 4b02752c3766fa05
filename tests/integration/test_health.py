"""What does a process tell about itself over HTTP?"""

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.health import AddressUnusable, PortInUse, serving


async def get(port: int, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


async def test_it_lives_whatever_its_problems() -> None:
    async with serving({"checker": lambda: ["not connected to NATS"]}, "127.0.0.1", 0) as port:
        answer = await get(port, "/healthz")
        assert (answer.status_code, answer.json()) == (200, {"healthy": True})


async def test_it_is_ready_only_while_no_stage_has_a_problem() -> None:
    problems: list[str] = []
    async with serving({"checker": lambda: problems, "publisher": list}, "127.0.0.1", 0) as port:
        answer = await get(port, "/readyz")
        assert (answer.status_code, answer.json()) == (200, {"ready": True, "stages": {"checker": [], "publisher": []}})
        problems.append("stream CHECK_RUNS does not exist; run: watchword init")
        answer = await get(port, "/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"ready": False, "stages": {"checker": problems, "publisher": []}}
        problems.clear()
        assert (await get(port, "/readyz")).status_code == 200


async def test_its_metrics_say_which_stage_is_ready() -> None:
    async with serving({"first": list, "second": lambda: ["behind"]}, "127.0.0.1", 0) as port:
        answer = await get(port, "/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert 'watchword_ready{stage="first"} 1.0' in answer.text
        assert 'watchword_ready{stage="second"} 0.0' in answer.text


async def test_metrics_of_a_registry_of_its_own() -> None:
    registry = CollectorRegistry()
    Counter("seen", "Seen", registry=registry).inc()
    async with serving({}, "127.0.0.1", 0, registry) as port:
        assert "seen_total 1.0" in (await get(port, "/metrics")).text


@pytest.mark.parametrize("path", ["/", "/metrics/", "/healthz/x", "/readyz?x"])
async def test_anything_else_is_not_found_and_says_what_is_there(path: str) -> None:
    async with serving({}, "127.0.0.1", 0) as port:
        answer = await get(port, "/nothing" + path)
        assert answer.status_code == 404
        assert "/readyz" in answer.text


async def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1 is in use .*--http-port"):
            async with serving({}, "127.0.0.1", port):
                pass


async def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(AddressUnusable, match=r"can't listen on port 0 of 192\.0\.2\.1: "):
        async with serving({}, "192.0.2.1", 0):
            pass


async def test_its_port_is_free_when_it_ended() -> None:
    async with serving({}, "127.0.0.1", 0) as port:
        assert (await get(port, "/healthz")).status_code == 200
    async with serving({}, "127.0.0.1", port) as again:
        assert again == port
