"""What a word looks like: what an uncased tokenizer takes away from it."""

from __future__ import annotations

# What `word_shape` tells apart; 0 is for wordpieces that are no word's, like [CLS].
SHAPES = ("special", "lower", "title", "upper", "mixed", "digits", "punctuation", "one capital")


def word_shape(text: str) -> int:
    """The shape of a word.

    text (str): The word; spaces around it don't count.
    RETURNS (int): Its place in SHAPES.
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
