"""The command line: one module for each group of commands. This one is the way in and the way out: it turns whatever
ends a command into an exit code that scripts can use, and every failure into one plain line that says what to do.
"""

import gc
import os
import sys
import traceback
from collections.abc import Sequence

from watchword.cli.exits import COULD_NOT_LOOK, GOOD, INTERRUPTED, WRONG_USAGE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    # What is imported stays; to look through it for garbage again and again is a tenth of a short command's time.
    gc.set_threshold(20_000, 20, 20)
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_debugging = bool(os.environ.get("WATCHWORD_DEBUG"))
    if "--debug" in words:  # accepted anywhere: whoever needs it adds it to the end of what they typed
        words.remove("--debug")
        is_debugging = True
    try:
        code = _run(words, is_debugging=is_debugging)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as ended:
        # Rich makes exit code 1 of a broken pipe; for us that would say that a check failed.
        if isinstance(ended, SystemExit) and not isinstance(ended.__context__, BrokenPipeError):
            raise
        # Whoever read us has had enough, as `head` does. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = GOOD
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception:  # noqa: BLE001 (Python's own exit code 1 would say that a check failed)
        traceback.print_exc()
        code = COULD_NOT_LOOK
    sys.exit(code)


def _run(words: list[str], *, is_debugging: bool) -> int:
    # Imported here, so that an interruption while Python still imports ends as cleanly as a later one.
    import typer  # noqa: PLC0415

    from watchword.cli.application import application  # noqa: PLC0415
    from watchword.cli.lazy import WHEN_LOADED  # noqa: PLC0415
    from watchword.cli.output import complain, quiet_logs  # noqa: PLC0415

    if "_WATCHWORD_COMPLETE" in os.environ:  # the shell asks what may be typed next
        application(args=words, prog_name="watchword")
    # Typer brings a Click of its own, or uses the installed one; and its main() turns a broken pipe into exit code 1.
    wrong_usage = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    try:
        command = typer.main.get_command(application)
        with command.make_context("watchword", words) as context:
            context.meta[WHEN_LOADED] = lambda: quiet_logs(is_debugging=is_debugging)
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        return INTERRUPTED
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as failed:
        if isinstance(failed, wrong_usage):
            failed.show()  # type: ignore[attr-defined] # as Click's exceptions do
            return WRONG_USAGE
        if is_debugging:
            raise
        from watchword.cli.failures import exit_code_of, in_words, unwrapped  # noqa: PLC0415

        known = unwrapped(failed)
        complain(in_words(known))
        code = exit_code_of(known)
        return COULD_NOT_LOOK if code is None else code
    return GOOD
