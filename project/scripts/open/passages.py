"""Cut documents into passages, and join short ones, so that each passage has about as many words."""

from collections.abc import Iterable, Iterator
from random import Random

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_binder.text.augmenters import count_lost, cut_doc, passage_borders

KEY = "sc"
MAX_TOKENS = 90


class Passages:
    """Passages of some docs, in their order.

    n_lost (int): Spans that were cut by the end of a passage so far, and so are left out.
    """

    def __init__(self, max_tokens: int = MAX_TOKENS) -> None:
        """
        max_tokens (int): The most tokens per passage. Defaults to 90.
        """
        self.max_tokens = max_tokens
        self.n_lost = 0

    def cut(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """YIELDS (Doc): Whole sentences of a doc, as many as fit. Only a longer sentence is cut."""
        for doc in docs:
            borders = passage_borders(doc, self.max_tokens)
            self.n_lost += count_lost(doc, borders)
            yield from cut_doc(doc, borders)

    def join(self, docs: Iterable[Doc], vocab: Vocab) -> Iterator[Doc]:
        """Join docs that follow each other, as many as fit.

        docs (Iterable[Doc]): Docs that are no longer than a passage.
        vocab (Vocab): The vocabulary of the passages.
        YIELDS (Doc): The passages, with words, sentence starts and spans.
        """
        held: list[Doc] = []
        for doc in docs:
            if held and sum(map(len, held)) + len(doc) > self.max_tokens:
                yield join_docs(held, vocab)
                held = []
            held.append(doc)
        if held:
            yield join_docs(held, vocab)


def join_docs(docs: Iterable[Doc], vocab: Vocab) -> Doc:
    """RETURNS (Doc): The words, sentence starts and spans of some docs. The first token of each starts a sentence."""
    words: list[str] = []
    starts: list[bool | int | None] = []
    spans: list[tuple[int, int, str]] = []
    for doc in docs:
        spans += [(len(words) + span.start, len(words) + span.end, span.label_) for span in doc.spans[KEY]]
        starts += [token.is_sent_start is True or not token.i for token in doc]
        words += [token.text for token in doc]
    # Without spaces, so that training takes the words as they are.
    joined = Doc(vocab, words=words, sent_starts=starts)
    joined.spans[KEY] = [Span(joined, start, end, label=label) for start, end, label in spans]
    return joined


def shuffled(docs: Iterable[Doc], seed: int) -> list[Doc]:
    """RETURNS (list[Doc]): The docs in an order that the seed decides."""
    kept = list(docs)
    Random(seed).shuffle(kept)
    return kept
