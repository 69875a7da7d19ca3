"""What describes a type: a text, several texts, or texts and example spans. It is kept as plain data."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Union

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import get_lang_class
from spacy.vocab import Vocab

from .errors import Errors

# Tokens on each side of an example that are kept as its context.
CONTEXT = 40

# New descriptions that were compared with trained ones are remembered, up to this number.
MAX_COMPARED = 10_000

DescriptionT = Union[str, Sequence[str], Mapping[str, Any]]


class ExampleSpan(NamedTuple):
    """A span in its sentence.

    words (tuple[str, ...]): The tokens.
    spaces (tuple[bool, ...]): Whether a space follows each of them.
    start, end (int): The first token of the span, and the one after its last.
    """

    words: tuple[str, ...]
    spaces: tuple[bool, ...]
    start: int
    end: int

    def make_doc(self, vocab: Vocab) -> Doc:
        """RETURNS (Doc): The sentence."""
        return Doc(vocab, words=list(self.words), spaces=list(self.spaces))


class TypeWords(NamedTuple):
    """What describes a type.

    texts (tuple[str, ...]): One or more descriptions.
    examples (tuple[ExampleSpan, ...]): Spans of the type. Defaults to none.
    """

    texts: tuple[str, ...]
    examples: tuple[ExampleSpan, ...] = ()


def read_words(value: DescriptionT) -> TypeWords:
    """Read what `cfg["labels"]` has for a label.

    value (str / Sequence / Mapping): A description, a list of them, or a dict with `description` and `examples`.
    RETURNS (TypeWords): What describes the type.
    """
    if isinstance(value, str):
        return TypeWords((value,))
    if not isinstance(value, Mapping):
        return TypeWords(tuple(value))
    examples = (
        ExampleSpan(tuple(example["words"]), tuple(example["spaces"]), example["start"], example["end"])
        for example in value["examples"]
    )
    return read_words(value["description"])._replace(examples=tuple(examples))


def read_types(cfg: Mapping[str, Any]) -> list[TypeWords]:
    """RETURNS (list[TypeWords]): What describes each label of a component, from its settings."""
    return [read_words(value) for value in cfg["labels"].values()]


def draw_text(words: TypeWords) -> TypeWords:
    """RETURNS (TypeWords): What describes a type, with one of its texts, drawn by Python's random numbers."""
    return words._replace(texts=(random.choice(words.texts),))


def show_words(value: DescriptionT) -> str:
    """RETURNS (str): The descriptions of a label in one line, and how many examples it has."""
    if isinstance(value, Mapping):
        return f"{show_words(value.get('description') or '-')} (and {len(value.get('examples') or ())} examples)"
    return value if isinstance(value, str) else "; ".join(value)


def write_words(words: TypeWords) -> Any:
    """RETURNS (str / list / dict): The opposite of `read_words`, as plain data."""
    texts = words.texts[0] if len(words.texts) == 1 else list(words.texts)
    if not words.examples:
        return texts
    examples = [
        {"words": list(one.words), "spaces": list(one.spaces), "start": one.start, "end": one.end}
        for one in words.examples
    ]
    return {"description": texts, "examples": examples}


def make_words(
    name: str, label: str, value: Any, default: TypeWords, *, vocab: Vocab, max_span_length: int
) -> TypeWords:
    """Check what a user gives to describe a type.

    name (str): Name of the component, for messages.
    label (str): The label.
    value (Any): A description, a list of them, a dict with `description` and `examples`, or None.
    default (TypeWords): What is taken where the user gives nothing.
    vocab (Vocab): Its language has the tokenizer for examples that are texts.
    max_span_length (int): The most words per span.
    RETURNS (TypeWords): What describes the type.
    RAISES (ValueError): If a description is no text, or an example is no span that the component could find.
    """
    if not isinstance(value, Mapping):
        value = {"description": value}
    if unknown := [key for key in value if key not in ("description", "examples")]:
        raise ValueError(Errors.B057.format(name=name, label=label, problem=f"there is no {unknown[0]!r}"))
    texts, examples = value.get("description"), value.get("examples")
    return TypeWords(
        default.texts if texts is None else _check_texts(label, texts),
        default.examples if examples is None else _check_examples(name, label, examples, vocab, max_span_length),
    )


def _check_texts(label: str, given: Any) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else given
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(Errors.B056.format(label=label, given=f"{given!r:.60}"))
    if not all(text.strip() for text in texts):
        raise ValueError(Errors.B002.format(label=label))
    return tuple(texts)


def _check_examples(name: str, label: str, given: Any, vocab: Vocab, max_span_length: int) -> tuple[ExampleSpan, ...]:
    examples = []
    if isinstance(given, (str, Mapping, Span)) or not isinstance(given, Iterable):
        raise ValueError(Errors.B057.format(name=name, label=label, problem=f"{given!r:.60} is no list"))
    tokenizer = lru_cache(maxsize=1)(lambda: get_lang_class(vocab.lang or "xx")(vocab))
    for number, one in enumerate(given, start=1):
        try:
            example = _make_example(one, vocab, tokenizer)
        except (ValueError, TypeError, KeyError) as error:
            problem = f"number {number}: {error}"
            raise ValueError(Errors.B057.format(name=name, label=label, problem=problem)) from None
        n_words = sum(not word.isspace() for word in example.words[example.start : example.end])
        if n_words > max_span_length:
            problem = f"number {number} has {n_words} words, more than `max_span_length`, {max_span_length}"
            raise ValueError(Errors.B057.format(name=name, label=label, problem=problem))
        examples.append(example)
    return tuple(dict.fromkeys(examples))


def _make_example(given: Any, vocab: Vocab, tokenizer: Callable[[], Language]) -> ExampleSpan:
    """RETURNS (ExampleSpan): A Span, a dict with `text`, `start` and `end`, or what `write_words` gives, checked."""
    if isinstance(given, Span):
        doc, start, end = given.doc, given.start, given.end
    elif isinstance(given, Mapping) and "words" in given:
        doc = Doc(vocab, words=list(given["words"]), spaces=list(given["spaces"]))
        start, end = int(given["start"]), int(given["end"])
    elif isinstance(given, Mapping) and {"text", "start", "end"} <= given.keys():
        text = given["text"]
        if not isinstance(text, str):
            raise ValueError(f"its text is {text!r:.60}")
        doc = tokenizer().make_doc(text)
        first, last = int(given["start"]), int(given["end"])
        first += len(text[first:last]) - len(text[first:last].lstrip())
        span = doc.char_span(first, first + len(text[first:last].rstrip()))
        if span is None:
            raise ValueError(f"characters {given['start']} to {given['end']} of {text!r:.60} are no whole words")
        start, end = span.start, span.end
    else:
        raise ValueError(f"{given!r:.60} is no Span, and no dict with text, start and end")
    while start < end and doc[start].is_space:
        start += 1
    while start < end and doc[end - 1].is_space:
        end -= 1
    if not 0 <= start < end <= len(doc):
        raise ValueError("it has no word")
    begin = max(0, start - CONTEXT)
    context = doc[begin : end + CONTEXT]
    return ExampleSpan(
        tuple(token.text for token in context),
        tuple(bool(token.whitespace_) for token in context),
        start - begin,
        end - begin,
    )


def new_texts(types: Mapping[str, TypeWords], trained: Sequence[str], compared: set[str]) -> dict[str, str]:
    """Find descriptions to compare with trained ones. Each is found once. Examples speak for their type.

    types (Mapping): What describes each label.
    trained (Sequence[str]): The descriptions that were trained.
    compared (set[str]): Those that were found before. The new ones are added.
    RETURNS (dict): The label of each new description. None of them, if none was trained.
    """
    texts = {text: label for label, words in types.items() if not words.examples for text in words.texts}
    if not trained:
        return {}
    known = {*trained}
    new = {text: label for text, label in texts.items() if text not in known and text not in compared}
    if len(compared) > MAX_COMPARED:
        compared.clear()
    compared.update(new)
    return new
