"""What a reader sees: the variant at work while it runs, and one table of ratios per benchmark."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.status import Status
from rich.table import Table as Grid

from benchmarks.harness.settings import Settings

WIDTH = 170  # of a table where the output is no terminal


class Table:
    """Rows of one benchmark, side by side."""

    def __init__(self, name: str) -> None:
        self.name = name
        console = Console()
        self.console = console if console.is_terminal else Console(width=WIDTH)
        self.rows: list[dict] = []
        self._status: Status | None = None

    def working(self, what: str) -> None:
        """Show what is being measured; nothing where the output is no terminal."""
        if not self.console.is_terminal:
            return
        if self._status is None:
            self._status = self.console.status(what)
            self._status.start()
        self._status.update(what)

    def say(self, what: str) -> None:
        """Print a line above the table."""
        self.console.print(what, style="red", markup=False, highlight=False)

    def add(self, row: dict) -> None:
        """Take a row."""
        self.rows.append(row)

    def show(self, settings: Settings) -> None:
        """Print all rows, one table per shape."""
        if self._status is not None:
            self._status.stop()
        mode = "quick: sizes too small to judge" if settings.quick else f"{settings.rounds} rounds"
        self.console.print(f"{self.name} ({mode}; {settings.threads} thread(s), {settings.device})", style="bold")
        for shape in dict.fromkeys(row["shape"] for row in self.rows):
            grid = Grid(title=shape, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
            for column in ("", "ours", "peer"):
                grid.add_column(column, overflow="fold")
            for column in ("ratio", "spread") if settings.quick else ("ratio", "spread", "gate", "goal", ""):
                grid.add_column(column, justify="right", no_wrap=True)
            grid.add_column("unit; note", overflow="fold")
            for row in self.rows:
                if row["shape"] == shape:
                    cells = _cells(row)
                    grid.add_row(*(cells[:5] + cells[8:] if settings.quick else cells))
            self.console.print(grid)


def _cells(row: dict) -> list[str]:
    sign = "≤" if row["at_most"] else "≥"
    peer = "" if row["peer_name"] is None else f"{row['peer_name']} {_number(row['peer'])}"
    verdict = {True: "[green]passed[/green]", False: "[red]MISSED[/red]", None: ""}[row["passed"]]
    return [
        row["id"],
        f"{row['ours_name']} {_number(row['ours'])}",
        peer,
        "" if row["ratio"] is None else f"{row['ratio']:.3g}",
        "" if row["spread"] is None else f"{row['spread']:.0%}",
        "" if row["gate"] is None else f"{sign} {row['gate']:g}",
        "" if row["goal"] is None else f"{sign} {row['goal']:g}",
        verdict,
        "; ".join(filter(None, [row["unit"], row["note"]])),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
