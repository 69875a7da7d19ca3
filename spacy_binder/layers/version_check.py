"""Tell whether an encoder that another version of transformers saved gives the vectors that it gave there."""

from __future__ import annotations

import warnings
from typing import Any

import numpy

from ..errors import Warnings
from ..modules.encoder import Encoder
from ..text.wordpieces import TokenizerT
from .encoder_check import encode_row
from .saved_encoder import name_damage

# With what tokenizers treat in several ways.
TEXT = "A probe of 12,000 naïve Café-goers (in Bergen, 4 May 1911), who didn't read the director's “notes” at all."
MAX_WORDPIECES = 32
# A part of the largest number. Versions that compute the same differ by less than a thousandth of it.
TOLERANCE = 1e-3


def take_probe(encoder: Encoder, tokenizer: TokenizerT) -> dict[str, Any]:
    """Encode a text, so that another version of transformers can be compared.

    encoder (Encoder): The encoder, in evaluation mode.
    tokenizer (PreTrainedTokenizerBase): Its tokenizer.
    RETURNS (dict[str, Any]): The version, the wordpiece ids of the text, and some numbers of its vectors.
    """
    import transformers

    ids = tokenizer(TEXT)["input_ids"]
    vectors = encode_row(encoder, ids[: min(MAX_WORDPIECES, encoder.max_positions or MAX_WORDPIECES)])
    numbers = vectors[::4, :4].float().flatten().tolist()
    return {"version": transformers.__version__, "ids": ids, "numbers": [round(number, 5) for number in numbers]}


def check_probe(saved: Any, encoder: Encoder, tokenizer: TokenizerT) -> None:
    """Warn if an encoder gives other vectors than where it was saved. With the same version nothing is compared.

    saved (dict[str, Any], optional): What `take_probe` gave then. None in a pipeline that was saved without it.
    encoder (Encoder): The encoder, in evaluation mode.
    tokenizer (PreTrainedTokenizerBase): Its tokenizer.
    """
    import transformers

    with name_damage("the probe of the encoder"):
        if not saved or saved["version"] == transformers.__version__:
            return
        own = take_probe(encoder, tokenizer)
        expected, found = (numpy.array(probe["numbers"], dtype="float64") for probe in (saved, own))
        same = saved["ids"] == own["ids"] and expected.shape == found.shape
        margin = TOLERANCE * numpy.abs(expected).max(initial=0.0)
        same = same and numpy.allclose(found, expected, rtol=0.0, atol=margin, equal_nan=True)
    if not same:
        warnings.warn(Warnings.BW22.format(saved=str(saved["version"])[:20], here=own["version"]), stacklevel=2)
