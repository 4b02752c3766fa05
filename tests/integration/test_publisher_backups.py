"""CHECK_RESULTS is put back from a backup, and the next verdict gets the place of the one that was lost before any
publisher is connected again: it counts, and nothing else does that was overtaken before.
"""

import shutil
from pathlib import Path

from tests.conftest import StartNats
from tests.faults.links import LOCALHOST, link_to
from tests.integration.nats_clients import stopped
from tests.integration.publishing import desk, finding, until
from watchword.embedded import EmbeddedServer


async def test_the_verdict_of_one_run_counts_where_it_got_the_place_of_a_lost_one(
    start_nats: StartNats, alertmanager: EmbeddedServer, tmp_path: Path
) -> None:
    server = start_nats()
    async with desk(server, alertmanager) as here, link_to(server.port) as link:
        await here.target()
        await here.verdict(finding("in the backup"))
        async with stopped(server, here.client) as store:
            shutil.copytree(store, tmp_path / "backup")
        here.nats_url = f"nats://{LOCALHOST}:{link.port}"
        async with here.publisher() as stage:
            await here.alert()
            lost = await here.verdict()
            await here.no_alerts()
            await link.cut()
            await until(lambda: not stage.client.is_connected, "the publisher is cut off")
            async with stopped(server, here.client) as store:
                shutil.rmtree(store)
                shutil.copytree(tmp_path / "backup", store)
            assert await here.verdict(finding("after the backup")) == lost
            await link.join()
            alert = await here.alert()
            assert alert.annotations["summary"] == "after the backup"
