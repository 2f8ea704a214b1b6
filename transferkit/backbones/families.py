"""Every family there is; a new one is one file and one line here."""

from transferkit.backbones.bert import BERT, ROBERTA
from transferkit.backbones.distilbert import DISTILBERT
from transferkit.backbones.family import Family
from transferkit.backbones.mpnet import MPNET
from transferkit.errors import InputError, nearest

_ALL: tuple[Family, ...] = (BERT, ROBERTA, DISTILBERT, MPNET)

FAMILIES: dict[str, Family] = {model_type: family for family in _ALL for model_type in family.model_types}


def family_of(model_type: str) -> Family:
    """Return the family of a `config.model_type`.

    Raises:
        InputError: no family serves it.
    """
    if model_type not in FAMILIES:
        raise InputError(
            f"backbone architecture {model_type!r} is not supported", fix=nearest(model_type, list(FAMILIES))
        )
    return FAMILIES[model_type]
