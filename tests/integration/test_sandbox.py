"""The processes that scripts run in, on real processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.checker import sandbox as sandbox_module
from services.checker import sandbox_process
from services.checker.sandbox import Sandbox, SandboxUnavailable, ScriptLimits
from services.checker.script import ScriptJob

ENTRY = "def check_context(docs, context):\n"
QUICK = f"{ENTRY}  return [{{'summary': str(docs), 'severity': 'info'}}]\n"
ENDLESS = f"{ENTRY}  for i in range(1 << 30):\n    for j in range(1 << 30):\n      pass\n"
DEADLINE_SECONDS = 15.0


def quick(*documents: object) -> ScriptJob:
    return ScriptJob("quick", QUICK, 2, documents)  # type: ignore[arg-type]  # any documents will do


def endless() -> ScriptJob:
    return ScriptJob("endless", ENDLESS, 2, [])


def processes() -> set[int]:
    """Return the pids of this process's sandbox processes; of those that have ended, the ones not yet waited for."""
    tasks = Path("/proc/self/task").iterdir()
    pids = {int(pid) for task in tasks for pid in read(f"/proc/self/task/{task.name}/children").split()}
    return {pid for pid in pids if is_zombie(pid) or b"sandbox_worker" in b"".join(arguments(pid))}


def read(path: str) -> bytes:
    """Return what the kernel says; nothing about a process that is gone."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def state(pid: int) -> bytes:
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].strip()[:1]


def is_zombie(pid: int) -> bool:
    return state(pid) == b"Z"


def processor_ticks(pid: int) -> int:
    fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


async def until_busy(count: int) -> None:
    """Wait until so many sandbox processes are in the middle of a script, as their processor time tells."""
    before = {pid: processor_ticks(pid) for pid in processes()}
    await until(lambda: sum(processor_ticks(pid) > ticks + 5 for pid, ticks in before.items()) == count)


def arguments(pid: int) -> list[bytes]:
    return read(f"/proc/{pid}/cmdline").split(b"\0")


def children(pid: int) -> list[int]:
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


async def until(condition: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what a process does sets no event here
            await asyncio.sleep(0.01)


async def test_script_runs_and_its_outcome_comes_back_whole() -> None:
    script = (
        f"{ENTRY}  print('seen', docs[0][0]['v'])\n  return [{{'summary': 's', 'description': 'd', 'severity': 'ERROR',"
        " 'labels': {'l': docs[0][0]['v']}, 'read_more_url': '/x'}]\n"
    )
    async with Sandbox(workers=1) as sandbox:
        begun = time.monotonic()
        outcome = await sandbox.run(ScriptJob("c", script, 2, [[{"v": "é\udcff\U0001f600"}]], with_branches=True))
        seconds = time.monotonic() - begun
    (finding,) = outcome.findings
    assert (finding.summary, finding.description, finding.severity) == ("s", "d", "error")
    assert (finding.labels, finding.read_more_url) == ({"l": "é\udcff\U0001f600"}, "/x")
    assert [(each.line, each.function, each.text) for each in outcome.printed] == [
        (2, "check_context", "seen é\udcff\U0001f600")
    ]
    assert [(each.line, each.way, each.times) for each in outcome.branches] == [(1, "called", 1)]
    assert outcome.error is None
    assert 0 < outcome.duration_ms <= 1000 * seconds


async def test_error_of_a_script_comes_back_with_what_it_printed() -> None:
    script = f"{ENTRY}  print('before')\n  fail('no')\n"
    async with Sandbox(workers=1) as sandbox:
        outcome = await sandbox.run(ScriptJob("c", script, 2, []))
    assert outcome.error == "line 3, in check_context: fail: no"
    assert [each.text for each in outcome.printed] == ["before"]
    assert outcome.findings == ()


async def test_script_that_does_not_parse_is_an_error() -> None:
    async with Sandbox(workers=1) as sandbox:
        outcome = await sandbox.run(ScriptJob("c", "def check_context(:", 2, []))
    assert outcome.error is not None
    assert outcome.error.startswith("line 1, column 19: ")


async def test_documents_that_no_script_can_see_are_an_error() -> None:
    async with Sandbox(workers=1) as sandbox:
        outcome = await sandbox.run(quick([{"v": b"x"}]))
    assert outcome.error == "a query returned a value of the type bytes, which no script can see"


async def test_large_documents_get_through() -> None:
    rows = [{f"column{column}": f"value {row} {column}" * 5 for column in range(10)} for row in range(10_000)]
    script = f"{ENTRY}  return [{{'summary': str(len(docs[0])) + docs[0][9999]['column9'], 'severity': 'info'}}]\n"
    async with Sandbox(workers=1) as sandbox:
        outcome = await sandbox.run(ScriptJob("c", script, 2, [rows]))
    assert outcome.error is None
    assert outcome.findings[0].summary == "10000" + "value 9999 9" * 5


async def test_many_jobs_share_the_workers_and_each_gets_its_own_outcome() -> None:
    async with Sandbox(workers=2) as sandbox:
        outcomes = await asyncio.gather(*(sandbox.run(quick(number)) for number in range(200)))
        assert len(processes()) == 3
    assert [outcome.findings[0].summary for outcome in outcomes] == [f"[{number}]" for number in range(200)]


async def test_job_runs_while_another_still_does() -> None:
    async with Sandbox(workers=2) as sandbox:
        running = asyncio.create_task(sandbox.run(endless()))
        await until_busy(1)
        for number in range(5):
            assert (await sandbox.run(quick(number))).error is None
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_same_script_is_compiled_once_and_another_is_not_taken_for_it() -> None:
    async with Sandbox(workers=1, spares=0) as sandbox:
        slow = "".join(f"def f{number}(x):\n  return x % {number + 1}\n" for number in range(2000))
        first = await sandbox.run(ScriptJob("c", slow + QUICK, 2, []))
        again = [await sandbox.run(ScriptJob("c", slow + QUICK, 2, [])) for _ in range(5)]
        other = await sandbox.run(ScriptJob("c", f"{slow}{ENTRY}  return []\n", 2, []))
    assert all(outcome.findings == first.findings for outcome in again)
    assert other.findings == ()
    # The least of them: a busy machine may halt any one.
    assert min(outcome.duration_ms for outcome in again) < first.duration_ms / 3


async def test_cancelled_job_leaves_no_process_behind() -> None:
    async with Sandbox(workers=1) as sandbox:
        before = processes()
        running = asyncio.create_task(sandbox.run(endless()))
        await until_busy(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await sandbox.run(quick())).error is None
        await until(lambda: len(processes()) == len(before) and processes() != before)
        assert (await sandbox.run(quick())).error is None


async def test_jobs_cancelled_at_any_moment_leak_nothing() -> None:
    async with Sandbox(workers=2) as sandbox:
        for round_ in range(30):
            running = [asyncio.create_task(sandbox.run(quick(number))) for number in range(4)]
            await asyncio.sleep(round_ / 10_000)
            for task in running[::2]:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        outcomes = await asyncio.gather(*(sandbox.run(quick(number)) for number in range(20)))
        assert all(outcome.error is None for outcome in outcomes)
        await until(lambda: len(processes()) == 3)


async def test_job_that_waits_for_a_worker_can_be_cancelled() -> None:
    async with Sandbox(workers=1) as sandbox:
        running, waiting = (asyncio.create_task(sandbox.run(endless())) for _ in range(2))
        await until_busy(1)
        waiting.cancel()
        running.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        assert (await sandbox.run(quick())).error is None


async def test_process_killed_from_outside_in_the_middle_of_a_script_is_an_error() -> None:
    async with Sandbox(workers=1, spares=0) as sandbox:
        running = asyncio.create_task(sandbox.run(endless()))
        await until_busy(1)
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        assert (await running).error == "the process of the script was ended from outside by SIGKILL"
        assert (await sandbox.run(quick())).error is None


async def test_process_killed_while_it_waits_is_replaced_unnoticed() -> None:
    async with Sandbox(workers=1) as sandbox:
        before = processes()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: all(is_zombie(pid) for pid in before))
        assert (await sandbox.run(quick())).error is None
        await until(lambda: len(processes()) == 2 and not processes() & before)


async def test_process_that_keeps_much_memory_is_replaced() -> None:
    script = f"KEPT = ['x' * 1000 + str(i) for i in range(200000)]\n{QUICK}"
    async with Sandbox(workers=1, spares=0) as sandbox:
        before = processes()
        assert (await sandbox.run(ScriptJob("c", script, 2, []))).error is None
        assert (await sandbox.run(quick())).error is None
        await until(lambda: not processes() & before)


async def test_process_is_kept_after_an_ordinary_script() -> None:
    async with Sandbox(workers=1) as sandbox:
        before = processes()
        for job in (quick(), ScriptJob("c", f"{ENTRY}  fail('x')\n", 2, []), quick([{"a": "x" * 1000}] * 1000)):
            await sandbox.run(job)
        assert processes() == before


async def test_process_has_nothing_of_the_checkers() -> None:
    async with Sandbox(workers=1, spares=0, limits=ScriptLimits(memory_bytes=512 * 1024**2)) as sandbox:
        await sandbox.run(quick())
        (pid,) = processes()
        has_nothing_of_the_checkers(pid)


def has_nothing_of_the_checkers(pid: int) -> None:
    place = Path(f"/proc/{pid}")
    limits = {line[:25].strip(): line[25:].split()[:2] for line in (place / "limits").read_text().splitlines()}
    files = {file.name: str(file.readlink()) for file in (place / "fd").iterdir()}
    status = dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines())
    assert (place / "environ").read_bytes() == b""
    assert limits["Max data size"] == [str(512 * 1024**2)] * 2
    assert limits["Max open files"] == [str(len(files))] * 2
    assert limits["Max file size"] == limits["Max core file size"] == limits["Max processes"] == ["0", "0"]
    assert limits["Max cpu time"][0] != "unlimited"
    assert [files[name].partition(":")[0] for name in "012"] == ["socket", "/dev/null", "pipe"]
    assert files["3"].endswith("/statm")
    assert (status["NoNewPrivs"], status["Threads"]) == ("1", "1")
    assert os.getsid(pid) == pid != os.getsid(0)
    assert str((place / "cwd").readlink()) == "/"


async def test_close_is_prompt_and_leaves_no_process() -> None:
    async with Sandbox(workers=3, limits=ScriptLimits(seconds=60.0)) as sandbox:
        running = [asyncio.create_task(sandbox.run(endless())) for _ in range(5)]
        await until_busy(3)
        assert len(processes()) == 4
        begun = time.monotonic()
        await sandbox.close()
        assert processes() == set()
        outcomes = await asyncio.gather(*running)
    assert time.monotonic() - begun < 30.0, "it waited for the scripts"
    assert sum("ended from outside" in (outcome.error or "") for outcome in outcomes) == 3
    assert sum(outcome.error == "the sandbox for scripts is closed" for outcome in outcomes) == 2
    assert (await sandbox.run(quick())).error == "the sandbox for scripts is closed"
    await sandbox.close()


async def test_close_in_the_middle_of_a_start_leaves_no_process() -> None:
    sandbox = Sandbox(workers=2)
    opening = asyncio.create_task(sandbox.__aenter__())
    await until(lambda: len(processes()) == 3)
    assert not opening.done()
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await sandbox.close()
    assert processes() == set()


async def test_processes_die_with_the_checker() -> None:
    program = (
        "import asyncio\nfrom services.checker.sandbox import Sandbox\nfrom services.checker.script import ScriptJob\n"
        "async def main():\n    async with Sandbox(workers=2) as sandbox:\n"
        f"        running = asyncio.create_task(sandbox.run(ScriptJob('c', {ENDLESS!r}, 2, [])))\n"
        "        await asyncio.sleep(0.1)\n        print('ready', flush=True)\n        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    checker = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert checker.stdout is not None
    try:
        assert await checker.stdout.readline() == b"ready\n"
        pids = children(checker.pid)
        assert len(pids) == 3
    finally:
        checker.kill()
        await checker.wait()
    # Sooner than the limit on processor time would end the endless script.
    await until(lambda: all(state(pid) in (b"", b"Z") for pid in pids), seconds=3)


FRAUDS = {
    "more than is read": (
        "os.write(0, (1 << 31).to_bytes(4, 'big') + b'x' * 1000)\ntime.sleep(60)",
        "the process of the script would send 2147483648 bytes; at most 8388608 are read",
    ),
    "no JSON": ("os.write(0, frame(b'{'))\ntime.sleep(60)", "the process of the script sent no outcome: "),
    "other JSON": ("os.write(0, frame(b'[1]'))\ntime.sleep(60)", "the process of the script sent no outcome: "),
    "half an answer": (
        "os.write(0, frame(b'x' * 100)[:50])\ntime.sleep(60)",
        "the script ran longer than 0.5 s, which is the limit",
    ),
    "nothing": ("time.sleep(60)", "the script ran longer than 0.5 s, which is the limit"),
    "an end": ("sys.exit(7)", "the process of the script ended with code 7: it said nothing"),
    "an error": ("raise ValueError('odd')", "ValueError: odd"),
    "an abort": ("os.abort()", "the script took more than 1 GiB of memory, which is the limit"),
    "too much processor time": (
        "os.kill(os.getpid(), signal.SIGXCPU)",
        "the script ran longer than 0.5 s, which is the limit",
    ),
    "a broken stack": ("os.kill(os.getpid(), signal.SIGSEGV)", "the script broke its process"),
}


@pytest.mark.parametrize(("answer", "error"), FRAUDS.values(), ids=FRAUDS)
async def test_process_that_was_taken_over_can_send_what_it_likes(
    answer: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import os, signal, sys, time\ndef frame(body):\n  return len(body).to_bytes(4, 'big') + body\n"
        f"os.write(0, frame(b'ready'))\nos.read(0, 1000000)\n{answer}\n"
    )
    monkeypatch.setattr(sandbox_process, "_START", program)
    async with Sandbox(workers=1, limits=ScriptLimits(seconds=0.5)) as sandbox:
        outcome = await sandbox.run(quick())
        assert outcome.error is not None
        assert error in outcome.error
        assert outcome.findings == ()


async def test_process_that_does_not_start_is_an_error_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_process, "_START", "raise SystemExit('no Starlark here')")
    with pytest.raises(SandboxUnavailable, match=r"died at its start: .* code 1: no Starlark here"):
        async with Sandbox(workers=2):
            pass
    assert processes() == set()


async def test_process_that_never_becomes_ready_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(workers=1, spares=0) as sandbox:
        monkeypatch.setattr(sandbox_process, "_START", "'sandbox_worker'; import time; time.sleep(60)")
        monkeypatch.setattr(sandbox_module, "_START_SECONDS", 0.5)
        (pid,) = processes()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: is_zombie(pid))
        with capture_logs() as logs:
            outcome = await sandbox.run(quick())
            assert outcome.error == "no process for scripts became ready within 0.5 s"
            await until(lambda: len(logs) >= 2)
        assert "a process for scripts was not ready within 0.5 s" in {entry["reason"] for entry in logs}
        assert len(processes()) <= 1


async def test_program_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(SandboxUnavailable, match=r"no process for scripts can be started: .*No such file"):
        async with Sandbox(workers=1):
            pass


async def test_sandbox_recovers_when_processes_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(workers=1, spares=0) as sandbox:
        with monkeypatch.context() as patched, capture_logs() as logs:
            patched.setattr(sandbox_process, "_START", "raise SystemExit('not now')")
            (pid,) = processes()
            os.kill(pid, signal.SIGKILL)
            await until(lambda: is_zombie(pid))
            waiting = asyncio.create_task(sandbox.run(quick()))
            await until(lambda: any("not now" in entry.get("reason", "") for entry in logs))
            assert not waiting.done()
        assert (await waiting).error is None


async def test_nothing_is_in_the_arguments_of_a_process_but_where_the_code_is() -> None:
    async with Sandbox(workers=1, spares=0):
        (pid,) = processes()
        path, parent, seconds, memory_bytes = json.loads(arguments(pid)[-2])
        assert all(entry.startswith("/") for entry in path)
        assert (parent, seconds, memory_bytes) == (os.getpid(), 5.0, 1024**3)
