"""The command line: one module for each group of commands. This one is the way in and the way out: it turns whatever
ends a command into an exit code that scripts can use, and every failure into one plain line that says what to do.
"""

import os
import sys
from collections.abc import Sequence

from watchword.cli.exits import COULD_NOT_LOOK, INTERRUPTED, WRONG_USAGE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_debugging = bool(os.environ.get("WATCHWORD_DEBUG"))
    if "--debug" in words:  # accepted anywhere: whoever needs it adds it to the end of what they typed
        words.remove("--debug")
        is_debugging = True
    try:
        code = _run(words, is_debugging=is_debugging)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has had enough, as `head` does. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run(words: list[str], *, is_debugging: bool) -> int:
    # Imported here, so that an interruption while Python still imports ends as cleanly as a later one.
    try:
        import click  # noqa: PLC0415

        from watchword.cli.application import application  # noqa: PLC0415
        from watchword.cli.failures import exit_code_of, in_words  # noqa: PLC0415
        from watchword.cli.output import complain, quiet_logs  # noqa: PLC0415

        quiet_logs(is_debugging=is_debugging)
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        result = application(args=words, prog_name="watchword", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as wrong:
        wrong.show()
        return WRONG_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as failed:
        if is_debugging:
            raise
        complain(in_words(failed))
        known = exit_code_of(failed)
        return COULD_NOT_LOOK if known is None else known
    return result if isinstance(result, int) else 0
