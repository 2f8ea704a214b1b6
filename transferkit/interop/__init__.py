"""Beside both halves. Prompts and scores in other tools' files: plain arrays, PEFT folders, Su et al.'s checkout.

What comes in becomes an ordinary artifact of a store, with an origin. No file is ever unpickled freely.
"""

from transferkit.interop.arrays import read_array, write_array
from transferkit.interop.importing import (
    ARRAYS,
    export_prompt,
    find_collection,
    import_checkout,
    import_prompt,
    read_prompt,
)
from transferkit.interop.peft import PeftPrompt, read_peft, write_peft

__all__ = [
    "ARRAYS",
    "PeftPrompt",
    "export_prompt",
    "find_collection",
    "import_checkout",
    "import_prompt",
    "read_array",
    "read_peft",
    "read_prompt",
    "write_array",
    "write_peft",
]
