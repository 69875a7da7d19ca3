"""Make a dictionary of the strings of gold spans."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_binder.scorer import inside_another

KEY = "sc"
Words = tuple[str, ...]
# The possible outcomes for a string, and their explanations.
OUTCOMES = {
    "kept": "in the dictionary",
    "rare": "annotated less often than --min-count",
    "ambiguous": "the share of its most frequent label is below --min-label-share",
    "common word": "one word in small letters; fewer of its occurrences are annotated than --min-text-share asks for",
    "number": "digits or signs without a letter; fewer of its occurrences are annotated than --min-text-share asks for",
    "covered": "another spelling of a kept string in small letters, which matches it too",
}


class Rules(NamedTuple):
    """Which strings go into a dictionary.

    min_count (int): The least number of annotations of a string.
    min_label_share (float): The least share of its most frequent label in them.
    min_text_share (float): The least share of its occurrences in the text that are annotated with that label. It is
        asked only of single words in small letters and of strings without a letter: other strings are seldom ambiguous.
    """

    min_count: int = 1
    min_label_share: float = 0.6
    min_text_share: float = 0.5


@dataclass
class Dictionary:
    """A dictionary, and the outcome for each string.

    patterns (list[dict]): Patterns for spaCy's SpanRuler. Each is a list of tokens.
    outcomes (dict[str, list[str]]): The strings of each of OUTCOMES, the most frequent first.
    """

    patterns: list[dict[str, Any]] = field(default_factory=list)
    outcomes: dict[str, list[str]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})


def build_dictionary(docs: Iterable[Doc], vocab: Vocab, rules: Rules) -> Dictionary:
    """Make a dictionary of the strings of gold spans.

    docs (Iterable[Doc]): Docs with gold spans.
    vocab (Vocab): Their vocabulary.
    rules (Rules): Which strings go into it.
    RETURNS (Dictionary): One pattern per string, with its most frequent label (the first by name, if several are).
        Strings in small letters match in any case. Others match as they are written, so that "AT" is not "at".
    """
    docs = list(docs)
    labels: defaultdict[Words, Counter[str]] = defaultdict(Counter)
    for doc in docs:
        for span in doc.spans[KEY]:
            labels[_words(span)][span.label_] += 1
    chosen = {words: min(found, key=lambda label: (-found[label], label)) for words, found in labels.items()}
    shares = text_shares(docs, vocab, {words: label for words, label in chosen.items() if kind_of_doubt(words)})
    order = sorted(labels, key=lambda words: (-labels[words].total(), words))
    outcomes = {words: _outcome(words, labels[words], shares.get(words, 1.0), rules) for words in order}
    dictionary = Dictionary()
    for words in order:
        small = tuple(word.lower() for word in words)
        is_covered = small != words and outcomes.get(small) == "kept" and chosen[small] == chosen[words]
        outcome = "covered" if is_covered and outcomes[words] == "kept" else outcomes[words]
        dictionary.outcomes[outcome].append(" ".join(words))
        if outcome == "kept":
            attribute = "LOWER" if small == words else "TEXT"
            dictionary.patterns.append({"label": chosen[words], "pattern": [{attribute: word} for word in words]})
    return dictionary


def kind_of_doubt(words: Words) -> str:
    """RETURNS (str): "common word" or "number" for a string that is often no entity, otherwise an empty string."""
    text = "".join(words)
    if not any(character.isalpha() for character in text):
        return "number"
    return "common word" if len(words) == 1 and text == text.lower() else ""


def text_shares(docs: Iterable[Doc], vocab: Vocab, strings: dict[Words, str]) -> dict[Words, float]:
    """Compute which share of a string's occurrences in the text is annotated with its label.

    docs (Iterable[Doc]): Docs with gold spans.
    vocab (Vocab): Their vocabulary.
    strings (dict[tuple, str]): The strings, and the label of each.
    RETURNS (dict[tuple, float]): The share of each string. Occurrences in any case count. Where no gold spans are
        nested, occurrences inside a longer gold span don't count, because the longer string wins.
    """
    docs = list(docs)
    is_nested = any(inside_another(doc, KEY) for doc in docs)
    matcher = PhraseMatcher(vocab, attr="LOWER")
    names = {" ".join(words): words for words in strings}
    for name, words in names.items():
        matcher.add(name, [Doc(vocab, words=list(words))])
    found, right = Counter(), Counter()
    for doc in docs:
        gold = {(span.start, span.end, span.label_) for span in doc.spans[KEY]}
        extents = {token.i: (span.start, span.end) for span in doc.spans[KEY] for token in span}
        for match, start, end in matcher(doc):
            outer_start, outer_end = extents.get(start, (start, end))
            if not is_nested and outer_start <= start and end <= outer_end and (outer_start, outer_end) != (start, end):
                continue
            words = names[vocab.strings[match]]
            found[words] += 1
            right[words] += (start, end, strings[words]) in gold
    return {words: right[words] / found[words] for words in found}


def _words(span: Span) -> Words:
    return tuple(token.text for token in span)


def _outcome(words: Words, labels: Counter[str], share: float, rules: Rules) -> str:
    if labels.total() < rules.min_count:
        return "rare"
    if max(labels.values()) < rules.min_label_share * labels.total():
        return "ambiguous"
    return "kept" if share >= rules.min_text_share else kind_of_doubt(words)
