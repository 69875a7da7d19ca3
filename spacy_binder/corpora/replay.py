"""Replay: mix some old documents into a new corpus, so that a pipeline doesn't forget what it has learned from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Optional

from spacy.language import Language
from spacy.training import Example, dont_augment

from ..errors import Errors
from .annotated import CorpusT
from .draws import draw, interleave, sizes_of_draws


class ReplayCorpus:
    """A corpus, and in each pass over it another draw of the documents of an old one. No document is kept."""

    def __init__(
        self, corpus: CorpusT, old: CorpusT, share: float = 0.1, seed: int = 0, augmenter: Callable | None = None
    ) -> None:
        """
        corpus (Callable): The new corpus.
        old (Callable): The old corpus.
        share (float): The share of the old documents per pass. Defaults to 0.1.
        seed (int): Decides which ones. Defaults to 0.
        augmenter (Callable, optional): Makes examples from an example, after the draw. Defaults to None.
        RAISES (ValueError): If the share is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            expected = "above 0 and at most 1"
            raise ValueError(Errors.B049.format(option="share", name="Replay.v1", expected=expected, value=share))
        self.corpus = corpus
        self.old = old
        self.share = share
        self.seed = seed
        self.augmenter = augmenter or dont_augment
        self._n_passes = 0
        self._sizes: tuple[int, int] | None = None

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read both corpora. Old documents come at equal distances.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples.
        """
        random = Random(f"{self.seed} {self._n_passes}")
        self._n_passes += 1
        if self._sizes is None:
            self._sizes = (sum(1 for _ in self.corpus(nlp)), sum(1 for _ in self.old(nlp)))
        n_new, n_old = self._sizes
        [n_drawn] = sizes_of_draws([n_old], [self.share])
        streams = [self.corpus(nlp), draw(lambda: self.old(nlp), n_old, n_drawn, random)]
        for _, example in interleave(streams, [n_new, n_drawn]):
            yield from self.augmenter(nlp, example)


def make_replay_corpus(
    corpus: Callable, old: Callable, share: float = 0.1, seed: int = 0, augmenter: Optional[Callable] = None
) -> ReplayCorpus:
    """Train from a new corpus with some old documents mixed in (`spacy_binder.Replay.v1`).

    Say of both which types were annotated, by `spacy_binder.Annotated.v1`, unless all were.

    corpus (Callable): The new corpus.
    old (Callable): The corpus that the pipeline was trained on.
    share (float): The share of the old documents to mix in, above 0 and at most 1. Another draw in each epoch where
        `spacy train` reads the corpus in each epoch, which is with `max_epochs = -1`. Defaults to 0.1.
    seed (int): Decides which ones are drawn. Defaults to 0.
    augmenter (Optional[Callable]): Makes examples from an example, as for `spacy.Corpus.v1`, after the draw. If the
        corpora have one of their own, passages are drawn instead of documents. Defaults to None.
    """
    return ReplayCorpus(corpus, old, share, seed, augmenter)
