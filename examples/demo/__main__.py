"""Run the demo: ``python -m examples.demo [--once]``. Ends with 0, or with the number of the step that failed."""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from examples.demo import databases, showing, story
from examples.demo.showing import StepFailed, say, step
from watchword.processes import ServerError


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_watchword(folder: Path, password: str) -> Iterator[story.Place]:
    """Run ``watchword up`` on free ports until the end of the block."""
    program = shutil.which("watchword", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if program is None:
        message = "the command `watchword` is missing; run: make setup"
        raise StepFailed(message)
    nats_port, alertmanager_port, http_port = free_port(), free_port(), free_port()
    words = ["up", "--config", str(folder / "watchword.yaml"), "--data-dir", str(folder / "data")]
    words += ["--nats-port", str(nats_port), "--alertmanager-port", str(alertmanager_port)]
    words += ["--http-port", str(http_port)]
    showing.command(["watchword", *words])
    log = folder / "up.log"
    environment = {**os.environ, databases.PASSWORD_VARIABLE: password, "WATCHWORD_LOG_FORMAT": "text"}
    with log.open("w") as out, subprocess.Popen([program, *words], stdout=out, stderr=out, env=environment) as process:
        place = story.Place(
            program,
            f"nats://127.0.0.1:{nats_port}",
            f"http://127.0.0.1:{alertmanager_port}",
            f"http://127.0.0.1:{http_port}",
            folder,
        )
        try:
            _wait_until_ready(place, process, log)
            yield place
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _wait_until_ready(place: story.Place, process: subprocess.Popen[bytes], log: Path) -> None:
    def look() -> bool | None:
        if process.poll() is not None:
            message = f"watchword up ended with {process.returncode}:\n{log.read_text()[-3000:]}"
            raise StepFailed(message)
        with contextlib.suppress(httpx.HTTPError):
            return True if httpx.get(f"{place.health_url}/readyz", timeout=2).status_code == 200 else None
        return None

    _, took = showing.wait_for("watchword up to be ready", look, 60)
    say(f"all four stages are ready after {took:.1f} s")


def tell(*, is_once: bool) -> None:
    """Tell the story; when asked, stay up until the reader has had enough."""
    number = 1
    try:
        step(1, "A fleet of three: PostgreSQL 18, MariaDB and a MongoDB-wire server; and Watchword beside it")
        with (
            tempfile.TemporaryDirectory(prefix="watchword-demo-") as name,
            databases.running_fleet() as fleet,
        ):
            folder = Path(name)
            for database, server in (
                ("orders-db", fleet.orders),
                ("shop-db", fleet.shop),
                ("sessions-db", fleet.sessions),
            ):
                say(f"{database:12} {server.engine:10} {server.host}:{server.port}")
            databases.write_inventory(fleet, folder / "watchword.yaml")
            with running_watchword(folder, fleet.password) as place:
                number = 2
                story.watch_the_fleet_be_checked(place)
                number = 3
                alert = story.make_a_weakness(place, fleet)
                number = 4
                story.fix_it(place, fleet, alert)
                number = 5
                story.mute_another(place)
                number = 6
                story.show_what_is_left(place)
                if is_once:
                    return
                story.how_to_play(place)
                while True:
                    time.sleep(3600)
    except KeyboardInterrupt:
        return
    except (StepFailed, ServerError, httpx.HTTPError, OSError, subprocess.SubprocessError) as failed:
        showing.console.print(f"\n[bold red]step {number} failed:[/bold red] {failed}")
        sys.exit(number)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story instead of staying up")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tell(is_once=chosen.once)
    showing.console.print("\n[bold green]that was the whole life of an alert[/bold green]")


if __name__ == "__main__":
    main()
