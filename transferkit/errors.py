"""Shelf. The three ways things go wrong; each message ends with what to do next."""


class TransferkitError(Exception):
    """Base of the errors meant for a reader: what is wrong, then the fix."""

    def __init__(self, problem: str, *, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}\n  → {fix}")


class InputError(TransferkitError):
    """The question cannot be asked as put: an unknown name, a bad value, data that do not fit (exit code 2)."""


class StoreError(TransferkitError):
    """Something on disk cannot be read, written or trusted."""


class RunError(TransferkitError):
    """A piece of work failed while running (exit code 1)."""


def nearest(name: str, known: list[str]) -> str:
    """Return ``did you mean …?`` for the closest known name, or the list of known names."""
    import difflib

    if close := difflib.get_close_matches(name, known, n=1, cutoff=0.5):
        return f"did you mean {close[0]!r}?"
    return "known: " + ", ".join(sorted(known))
