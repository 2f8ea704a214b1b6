"""Explaining. A report as a folder: one page that needs nothing else, and the files it offers for download."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from transferkit.errors import InputError, StoreError
from transferkit.figures.style import style
from transferkit.report.page import Drawing, Links, Part, Report, Row, Table, Text
from transferkit.report.rendering import (
    ABSENT,
    Shown,
    csv_of,
    data_link,
    inline,
    latex_of,
    markdown_of,
    pdf_of,
    shown_columns,
    shown_rows,
    svg_of,
)

TEMPLATES = Path(__file__).parents[1] / "templates"
PAGE, MARKDOWN, OWN = "index.html", "report.md", "files.json"


@dataclass(frozen=True)
class Block:
    """A part of the page as the template reads it."""

    kind: str
    part: Part
    picture: str = ""
    data: str = ""
    natural: int = 0
    columns: tuple[tuple[str, bool], ...] = ()
    rows: tuple[tuple[Shown, ...], ...] = ()
    blocks: tuple[Block, ...] = field(default=())


def write(report: Report, folder: str | Path) -> Path:
    """Write a report whole or not at all, replacing an earlier one of the same folder; return its page.

    Raises:
        InputError: the folder holds something else than a report.
        StoreError: the folder cannot be written, or two parts share a name.
    """
    final = Path(folder).absolute()
    check_folder(final)
    _check_names(report)
    work = final.with_name(f".{final.name}-{uuid.uuid4().hex[:8]}")
    try:
        for name in ("tables", "figures"):
            (work / name).mkdir(parents=True)
        with style():
            (work / PAGE).write_text(_page(report, work), encoding="utf-8")
            for address, card in report.cards.items():
                (work / address).parent.mkdir(exist_ok=True)
                (work / f"{address}.html").write_text(_page(card, None), encoding="utf-8")
        for name, frame in report.data.items():
            (work / "tables" / f"{name}.csv").write_text(csv_of(frame), encoding="utf-8")
        (work / MARKDOWN).write_text(_markdown(report), encoding="utf-8")
        (work / OWN).write_text(json.dumps([*_files(work), OWN], indent=0) + "\n", encoding="utf-8")
        _replace(work, final)
    except OSError as error:
        raise StoreError(f"{final}: the report cannot be written ({error})", fix="choose another --out") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return final / PAGE


def check_folder(final: Path) -> None:
    """Make sure a report may be written into a folder: it holds an earlier report, nothing, or is not there.

    Raises:
        InputError: it holds something else.
    """
    if not final.exists() or (final.is_dir() and (not any(final.iterdir()) or (final / OWN).is_file())):
        return
    raise InputError(f"{final} holds something else than a report", fix="choose a new folder with --out")


def _check_names(report: Report) -> None:
    names = [part.name for part in report.parts() if isinstance(part, (Table, Drawing))]
    names += [name for name in report.data if name in names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise StoreError(f"two parts of the report are called {', '.join(twice)}", fix="give each its own name")


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _replace(work: Path, final: Path) -> None:
    """Give the new report its name; files that others put beside the old one come along."""
    old = work.with_name(work.name + "-old")
    if final.exists():
        ours = set(json.loads((final / OWN).read_text(encoding="utf-8"))) if (final / OWN).is_file() else set()
        for name in set(_files(final)) - ours - set(_files(work)):
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(final / name, work / name)
        final.rename(old)
    work.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _block(part: Part, work: Path | None) -> Block:
    """Return a part as the template reads it, and write its files where there is a folder for them."""
    if isinstance(part, Row):
        return Block("row", part, blocks=tuple(_block(inner, work) for inner in part.parts))
    if isinstance(part, (Text, Links)):
        return Block("text" if isinstance(part, Text) else "links", part)
    text = csv_of(part.frame)
    if isinstance(part, Table):
        if work is not None:
            (work / "tables" / f"{part.name}.csv").write_text(text, encoding="utf-8")
            (work / "tables" / f"{part.name}.tex").write_text(latex_of(part), encoding="utf-8")
        rows = tuple(tuple(row) for row in shown_rows(part))
        cells = [[row[i] for row in rows if row[i].text != ABSENT] for i in range(len(shown_columns(part)))]
        are_numbers = [bool(column) and all(cell.is_number for cell in column) for column in cells]
        columns = tuple(zip(shown_columns(part).values(), are_numbers, strict=True))
        return Block("table", part, data=data_link(text), columns=columns, rows=rows)
    return _drawn(part, work, text)


def _drawn(part: Drawing, work: Path | None, text: str) -> Block:
    figure = part.draw()
    natural = round(96 * figure.get_figwidth())
    svg = svg_of(figure)
    if work is not None:
        stem = work / "figures" / part.name
        stem.with_name(f"{part.name}.csv").write_text(text, encoding="utf-8")
        stem.with_name(f"{part.name}.svg").write_text(svg, encoding="utf-8")
        stem.with_name(f"{part.name}.pdf").write_bytes(pdf_of(figure))
    return Block(
        "drawing", part, picture=inline(figure, svg, part.name, part.title), data=data_link(text), natural=natural
    )


def _page(report: Report, work: Path | None) -> str:
    """Return a page; without a folder for files it offers none but its data."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from transferkit import __version__

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [(section, [_block(part, work) for part in section.parts]) for section in report.sections]
    has_files = work is not None
    template = environment.get_template("page.html")
    return template.render(report=report, sections=sections, version=__version__, has_files=has_files)


def _markdown(report: Report) -> str:
    lines = [f"# {report.title}", ""]
    lines += [f"- **{name}**: {value}" for name, value in report.facts.items()]
    lines += ["", *(f"> {sentence}\n>" for sentence in report.headline)]
    for section in report.sections:
        lines += ["", f"## {section.title}", ""]
        for part in section.parts:
            for inner in part.parts if isinstance(part, Row) else (part,):
                lines += [*_markdown_part(inner), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_part(part: Text | Table | Drawing | Links) -> list[str]:
    if isinstance(part, Links):
        return [f"- [{words}]({address})" for words, address in part.items]
    if isinstance(part, Text):
        return [*([f"### {part.heading}", ""] if part.heading else []), part.body]
    if isinstance(part, Table):
        links = f"[CSV](tables/{part.name}.csv) · [LaTeX](tables/{part.name}.tex)"
        return [f"{_titled(part)} {part.caption} {links}", "", markdown_of(part)]
    return [f"![{part.title}](figures/{part.name}.svg)", "", f"{_titled(part)} {part.caption}"]


def _titled(part: Table | Drawing) -> str:
    return f"**{part.title}**" if part.title.endswith("?") else f"**{part.title}.**"
