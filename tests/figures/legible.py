"""What every figure is held to: its structure is the golden one, and every word can be read."""

import json
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from transferkit import figures

GOLDEN = Path(__file__).parents[1] / "golden" / "figures"


def check_structure(name: str, figure: Figure, *, regen: bool) -> None:
    """Compare a figure as plain data with the golden file, or write that anew."""
    path = GOLDEN / f"{name}.json"
    text = json.dumps(figures.structure(figure), indent=1, ensure_ascii=False) + "\n"
    if regen:
        path.write_text(text, encoding="utf-8")
    assert json.loads(text) == json.loads(path.read_text(encoding="utf-8")), f"{path}: pytest --regen, review the diff"


def written_in(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> list[Text]:
    """Draw a figure and return the texts that can be seen."""
    seen = []
    draw = mpl.text.Text.draw
    monkeypatch.setattr(mpl.text.Text, "draw", lambda self, renderer: (seen.append(self), draw(self, renderer)))
    figure.canvas.draw()
    return [text for text in dict.fromkeys(seen) if text.get_visible() and text.get_text().strip()]


def check_legible(figure: Figure, written: list[Text], *, apart: bool = True, slanted_may_touch: bool = False) -> None:
    """Every text lies within the figure, is at least 6 points high and, if asked, covers no other.

    Boxes of slanted texts are wider than they are; where there are some, they may be left out of the last.
    """
    width, height = figure.canvas.get_width_height()
    boxes = {text: text.get_window_extent() for text in written}
    for text, box in boxes.items():
        is_inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert is_inside, (text.get_text(), box)
        assert text.get_fontsize() >= 6, text.get_text()
    slanted = {text for text in boxes if slanted_may_touch and text.get_rotation() == 45}
    for (one, a), (other, b) in combinations(boxes.items(), 2) if apart else ():
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert {one, other} & slanted or min(across, down) <= 1, (one.get_text(), other.get_text())
