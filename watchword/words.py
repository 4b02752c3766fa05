"""How numbers and things are put into words, the same everywhere."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 target``, ``3 targets``, ``2 built-in checks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
