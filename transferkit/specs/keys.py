"""Shelf. The name of a spec: the hash of its canonical JSON.

A spec is canonicalised to JSON (sorted keys, fields at their default left out, so that a field added later does not
rename what is already on disk) and hashed. Changing a default is therefore forbidden: bump `RECIPE_VERSION` instead.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

RECIPE_VERSION = 1  # bumped when our arithmetic changes, so that old artifacts keep their meaning
KEY_DIGITS = 12
KEPT = "_key"
ALWAYS_IN_KEY = ("kind", "recipe_version")


def canonical(value: object) -> object:
    """Return a spec as plain JSON values, without fields at their default and without fields outside its key."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        outside = getattr(value, "outside_key", ())
        return {
            field.name: canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in outside
            and (field.name in ALWAYS_IN_KEY or getattr(value, field.name) != _default(value, field.name))
        }
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): canonical(item) for name, item in value.items()}
    return value


def _default(value: object, name: str) -> object:
    """Return a field's default as pydantic keeps it; a sentinel when it has none."""
    info = value.__pydantic_fields__[name]  # type: ignore[attr-defined]
    return object() if info.is_required() else info.get_default(call_default_factory=True)


def key(spec: object) -> str:
    """Return the name of a spec: the first 12 hex digits of the SHA-256 of its canonical JSON."""
    beside = getattr(spec, "__dict__", {})  # a frozen value keeps its name, which is asked for some twenty times
    if KEPT not in beside:
        text = json.dumps(canonical(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        beside[KEPT] = hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
    return beside[KEPT]
