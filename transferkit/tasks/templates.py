"""What the texts around a task's inputs may say, and what is shown where no template was given."""

import re
from collections.abc import Sequence

from transferkit.errors import InputError

FIELD = re.compile(r"\{(\w*)\}")
SEGMENTS = re.compile(r"\s*\{sep\}\s*")


def check_template(task: str, name: str, template: str, inputs: Sequence[str], *, also: Sequence[str]) -> None:
    """Make sure a template names nothing but a task's columns and what else it may name.

    Args:
        task: name of the task.
        name: name of the template's field.
        template: what is checked.
        inputs: the task's columns.
        also: other fields the template may name: "mask", "sep".

    Raises:
        InputError: another field is named, or more than one {sep}.
    """
    known = (*inputs, *also)
    if unknown := sorted(set(FIELD.findall(template)) - set(known)):
        raise InputError(
            f"task {task!r}: {name} {template!r} names {{{unknown[0]}}}, which is none of its columns",
            fix="use " + ", ".join(f"{{{field}}}" for field in known),
        )
    if template.count("{sep}") > 1:
        raise InputError(
            f"task {task!r}: {name} {template!r} has more than one {{sep}}", fix="backbones take two segments at most"
        )


def check_shows(task: str, name: str, template: str, inputs: Sequence[str]) -> None:
    """Make sure a template shows every input.

    Raises:
        InputError: a column is not shown.
    """
    for column in inputs:
        if f"{{{column}}}" not in template:
            raise InputError(
                f"task {task!r}: {name} {template!r} does not show the column {column!r}",
                fix=f"write {{{column}}} where the text belongs",
            )


def before_mask(template: str) -> str | None:
    """Return the part of a template whose continuation is the word at the mask; None where a column follows it.

    One running text has no segments: `{sep}` becomes a space.
    """
    before, _, after = template.partition("{mask}")
    if set(FIELD.findall(after)) - {"sep"}:
        return None
    return SEGMENTS.sub(" ", before).rstrip()
