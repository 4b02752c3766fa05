"""A throw-away Prometheus of the distribution, for checks that ask for metrics and for the rules that we ship."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from examples.servers.place import server_folder
from watchword.debian_packages import find_program
from watchword.processes import LOCALHOST, ServerPlan, ServerProcess, accepts_connections, answers_http

_CONFIGURATION = """\
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["{address}"]
"""


@dataclass(frozen=True)
class PrometheusServer:
    """One running Prometheus."""

    process: ServerProcess

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://{LOCALHOST}:{self.process.port}"


@contextmanager
def prometheus(configuration: str = _CONFIGURATION, web_configuration: str = "") -> Iterator[PrometheusServer]:
    """Run a Prometheus. It scrapes itself each second unless told otherwise; ``{address}`` stands for its own. A
    configuration of its web server can ask for a login; then it is ready when it takes connections.
    """
    program = find_program("prometheus", "prometheus").path
    with server_folder("prometheus") as folder:

        def command(port: int) -> list[str]:
            address = f"{LOCALHOST}:{port}"
            (folder / "prometheus.yml").write_text(configuration.replace("{address}", address))
            (folder / "web.yml").write_text(web_configuration)
            return [
                *(str(program), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
                *(f"--web.listen-address={address}", "--web.enable-lifecycle"),
                f"--web.config.file={folder / 'web.yml'}",
            ]

        plan = ServerPlan(
            name="Prometheus",
            command=command,
            is_ready=accepts_connections if web_configuration else lambda port: answers_http(port, "/-/ready"),
            log_path=folder / "prometheus.log",
        )
        with ServerProcess(plan) as process:
            yield PrometheusServer(process)
