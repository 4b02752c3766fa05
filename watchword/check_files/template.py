"""The beginning of a check: a file that works as it is, on a real server of its engine, with the file of its tests, for
an author to change line by line. The texts lie in ``templates/``.
"""

from importlib.resources import files

from shared.checks import Engine

_NAME = "NAME"


def new_check(name: str, engine: Engine) -> tuple[str, str]:
    """Return the text of a new check file and that of its tests."""
    folder = files(__package__).joinpath("templates")
    check = folder.joinpath(f"{engine}.yml").read_text("utf-8")
    return check.replace(_NAME, name, 1), folder.joinpath(f"{engine}.test.yml").read_text("utf-8")
