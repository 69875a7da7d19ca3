"""The shape of a word: capitals and digits, which uncased tokenizers take away."""

from __future__ import annotations

# What `word_shape` tells apart. 0 is for special wordpieces like [CLS], which belong to no word.
WORD_SHAPES = ("special", "lower", "title", "upper", "mixed", "digits", "punctuation", "one capital")


def word_shape(text: str) -> int:
    """Find the shape of a word.

    text (str): The word. Spaces around it don't count.
    RETURNS (int): Index of the shape in `WORD_SHAPES`.
    """
    text = text.strip()
    if any(character.isdigit() for character in text):
        return 5
    if not any(character.isalpha() for character in text):
        return 6
    if text.islower():
        return 1
    if len(text) == 1:
        return 7
    if text.isupper():
        return 3
    return 2 if text[0].isupper() and text[1:].islower() else 4
