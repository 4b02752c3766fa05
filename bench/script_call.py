"""What a script costs: a call in a process that is ready, a call that has to be compiled, a fresh process, and the next
call after a script that had to be killed. Run with ``python -m bench.script_call``; prints milliseconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from services.checker.sandbox import Sandbox, ScriptLimits
from services.checker.sandbox_process import SandboxProcess
from services.checker.script import ScriptJob

SCRIPT = """
def check_context(docs, context):
    found = []
    for row in docs[0]:
        if row["Variable_name"] == "local_infile" and row["Value"] != "OFF":
            found.append({
                "summary": "local_infile is %s" % row["Value"],
                "severity": "warning",
                "labels": {"value": row["Value"]},
            })
    return found
"""
# Something that the engine can't interrupt, so the process has to be killed.
ENDLESS = "def check_context(docs, context):\n  x = 7\n  for i in range(100):\n    x = x * x\n"


def variables(count: int) -> list[list[dict[str, str]]]:
    rows = [{"Variable_name": f"variable_number_{number}", "Value": str(number)} for number in range(count - 1)]
    return [[*rows, {"Variable_name": "local_infile", "Value": "ON"}]]


async def milliseconds(action: Callable[[int], Awaitable[object]], count: int) -> list[float]:
    durations = []
    for number in range(count):
        begun = time.perf_counter()
        await action(number)
        durations.append((time.perf_counter() - begun) * 1000)
    return sorted(durations)


def show(what: str, durations: list[float]) -> None:
    middle, late = durations[len(durations) // 2], durations[int(len(durations) * 0.99)]
    print(f"{what:<48} p50 {middle:8.2f} ms   p99 {late:8.2f} ms   ({len(durations)} times)")


async def main() -> None:
    async with Sandbox(workers=2) as sandbox:
        for count in (10, 600, 10_000):
            job = ScriptJob("bench", SCRIPT, 2, variables(count))
            await sandbox.run(job)
            show(
                f"a call with {count} rows", await milliseconds(lambda _, job=job: sandbox.run(job), 2000 // count + 50)
            )
        small = variables(10)
        show(
            "a call of a script that was not compiled yet",
            await milliseconds(lambda number: sandbox.run(ScriptJob("bench", f"# {number}\n{SCRIPT}", 2, small)), 50),
        )
        jobs = [ScriptJob("bench", SCRIPT, 2, small)] * 30
        show(
            "thirty calls at once, two workers",
            await milliseconds(lambda _: asyncio.gather(*map(sandbox.run, jobs)), 50),
        )
    show("a fresh process, from its start to ready", await milliseconds(fresh, 10))
    async with Sandbox(workers=1, limits=ScriptLimits(seconds=0.2)) as sandbox:

        async def after_a_kill(_: int) -> None:
            await sandbox.run(ScriptJob("bench", SCRIPT, 2, small))

        durations = []
        for _ in range(10):
            await sandbox.run(ScriptJob("bench", ENDLESS, 2, []))
            durations += await milliseconds(after_a_kill, 1)
        show("the next call after a script that was killed", sorted(durations))


async def fresh(_: int) -> None:
    process = SandboxProcess(ScriptLimits())
    await process.ready()
    process.kill()
    await process.buried()


if __name__ == "__main__":
    asyncio.run(main())
