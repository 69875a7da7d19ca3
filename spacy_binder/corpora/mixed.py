"""Mix several corpora: how often each is read, and what its labels are in the mix."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Optional

from spacy.language import Language
from spacy.training import Example, dont_augment
from wasabi.tables import table

from ..errors import Errors, Warnings
from ..type_counts import logger
from .annotated import CorpusT
from .draws import draw, interleave, shuffle, sizes_of_draws, weights_of_temperature
from .renaming import CorpusCounts, Renaming, rename_example

NAME = "MixedCorpus.v1"
HEADER = ("Corpus", "Examples", "In each pass", "Spans", "Left out", "Types")
ALIGNS = ("l", "r", "r", "r", "r", "r")


class MixedCorpus:
    """Several corpora as one. Each document says which types were annotated in it, and names its corpus.

    The first call reads each corpus once to count it. No document is kept.
    """

    def __init__(
        self,
        corpora: Mapping[str, CorpusT],
        weights: Mapping[str, float] | None = None,
        temperature: float | None = None,
        shares: Mapping[str, float] | None = None,
        labels: Mapping[str, Mapping[str, str | None]] | None = None,
        prefixes: Mapping[str, str] | None = None,
        spans_key: str = "sc",
        seed: int = 0,
        n_shuffled: int = 0,
        augmenter: Callable | None = None,
    ) -> None:
        """
        corpora (Mapping): The corpora by name.
        weights (Mapping, optional): How often each corpus is read in a pass. Defaults to None: once.
        temperature (float, optional): Instead of weights. Examples of a corpus are given in proportion to its size to
            the power of 1 / temperature. Defaults to None.
        shares (Mapping, optional): Beside a temperature. The part of a pass that a corpus gives. The others share the
            rest by temperature. Defaults to None.
        labels (Mapping, optional): By name of a corpus: new label of a label, or None to leave it out. Defaults to
            None.
        prefixes (Mapping, optional): By name of a corpus: what comes before each label that `labels` doesn't name.
            Defaults to None.
        spans_key (str): Key of doc.spans with the gold spans. Defaults to "sc".
        seed (int): Decides which examples are drawn, and their order. Defaults to 0.
        n_shuffled (int): Examples that are held in memory to shuffle. Defaults to 0: the order stays.
        augmenter (Callable, optional): Makes examples from an example, after the draw. Defaults to None.
        RAISES (ValueError): If an option names a corpus that there is not, or can't have its value.
        """
        for name, corpus in corpora.items():
            if not callable(corpus):
                value = f"{corpus!r:.60}"
                raise ValueError(
                    Errors.B049.format(option=f"corpora.{name}", name=NAME, expected="a reader", value=value)
                )
        for option in (weights, shares, labels, prefixes):
            for name in option or ():
                if name not in corpora:
                    raise ValueError(Errors.B016.format(kind="corpus", name=name, known=", ".join(corpora) or "none"))
        weights = {name: 1.0 for name in corpora} | {**(weights or {})} if temperature is None else weights
        _check(weights, temperature)
        _check_shares(shares or {}, temperature, len(corpora))
        if n_shuffled < 0:
            raise ValueError(Errors.B007.format(setting="n_shuffled", least=0, value=n_shuffled))
        # A corpus with the weight 0 is not read at all.
        self.corpora = {name: corpus for name, corpus in corpora.items() if weights is None or weights[name]}
        self.weights = weights
        self.temperature = temperature
        self.shares = shares or {}
        self.renamings = {
            name: Renaming(name, (labels or {}).get(name) or {}, (prefixes or {}).get(name, ""))
            for name in self.corpora
        }
        self.spans_key = spans_key
        self.seed = seed
        self.n_shuffled = n_shuffled
        self.augmenter = augmenter or dont_augment
        self._counts: dict[str, CorpusCounts] | None = None
        self._n_passes = 0

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Read the corpora. The examples of each one come at equal distances.

        nlp (Language): The pipeline.
        YIELDS (Example): The examples. The documents of the corpora themselves stay as they are.
        RAISES (ValueError): If a corpus has no document or no type.
        """
        if self._counts is None:
            self._counts = {name: self._count(name, nlp) for name in self.corpora}
            self._show(self._counts)
        seed = f"{self.seed} {self._n_passes}"
        self._n_passes += 1
        yield from shuffle(self._examples(nlp, seed, self._counts), self.n_shuffled, Random(seed))

    def n_drawn(self, counts: Mapping[str, CorpusCounts]) -> dict[str, int]:
        """Find how many examples of each corpus are in a pass.

        counts (Mapping): What each corpus has.
        RETURNS (dict[str, int]): The number of examples by name of the corpus.
        """
        sizes = [of_corpus.examples for of_corpus in counts.values()]
        if self.temperature is not None:
            weights = weights_of_temperature(sizes, self.temperature, [self.shares.get(name) for name in counts])
        else:
            assert self.weights is not None
            weights = [self.weights[name] for name in counts]
        return dict(zip(counts, sizes_of_draws(sizes, weights), strict=True))

    def _examples(self, nlp: Language, seed: str, counts: dict[str, CorpusCounts]) -> Iterator[Example]:
        n_drawn = self.n_drawn(counts)
        names = list(self.corpora)
        streams = [
            # Each corpus has draws of its own, which don't depend on the other corpora.
            draw(lambda name=name: self.corpora[name](nlp), counts[name].examples, n, Random(f"{seed} {name}"))
            for name, n in n_drawn.items()
        ]
        for place, example in interleave(streams, list(n_drawn.values())):
            name = names[place]
            labels = self._labels(name, counts[name])
            yield from self.augmenter(nlp, rename_example(example, self.spans_key, self.renamings[name], labels))

    def _labels(self, name: str, counts: CorpusCounts) -> list[str]:
        """RETURNS (list[str]): The labels of the types of a corpus: those that occur, and those that are renamed."""
        return list({**dict.fromkeys(self.renamings[name].labels), **counts.labels})

    def _count(self, name: str, nlp: Language) -> CorpusCounts:
        counts, renaming = CorpusCounts(), self.renamings[name]
        for example in self.corpora[name](nlp):
            counts.add(example.reference, self.spans_key, renaming)
        if not counts.examples:
            raise ValueError(Errors.B047.format(place=f"in the corpus '{name}'", left_out=""))
        if not renaming.rename_all(self._labels(name, counts) if counts.n_silent else counts.labels):
            raise ValueError(Errors.B072.format(name=name, key=self.spans_key, n=counts.examples))
        unknown = ", ".join(label for label in renaming.labels if label not in counts.labels)
        if unknown:
            known = ", ".join(counts.labels) or "none"
            warnings.warn(Warnings.BW20.format(name=name, labels=unknown, known=known), stacklevel=2)
        return counts

    def _show(self, counts: dict[str, CorpusCounts]) -> None:
        rows = []
        for name, n in self.n_drawn(counts).items():
            found = counts[name]
            types = self.renamings[name].rename_all(self._labels(name, found) if found.n_silent else found.labels)
            rows.append((name, *(f"{n:,}" for n in (found.examples, n, found.spans, found.left_out, len(types)))))
            if found.doubles:
                message = "Corpus '%s': spans with the place and the new label of another one, which are left out: %s"
                logger.info(message, name, f"{found.doubles:,}")
        shown = table(rows, header=HEADER, divider=True, aligns=ALIGNS, max_col=100).strip("\n")
        logger.info("Corpora of the mix, spans of labels that are left out, and types:\n%s", shown)


def _check(weights: Mapping[str, float] | None, temperature: float | None) -> None:
    wrong: tuple[str, str, Any] | None = None
    if temperature is not None:
        if weights is not None:
            wrong = ("weights", "null where there is a temperature", dict(weights))
        elif not 0 < temperature < math.inf:
            wrong = ("temperature", "above 0", temperature)
    elif weights is not None:
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                wrong = (f"weights.{name}", "at least 0", weight)
        if not any(weights.values()):
            wrong = ("weights", "above 0 for one of the corpora at least", dict(weights))
    if wrong:
        option, expected, value = wrong
        raise ValueError(Errors.B049.format(option=option, name=NAME, expected=expected, value=value))


def _check_shares(shares: Mapping[str, float], temperature: float | None, n_corpora: int) -> None:
    wrong: tuple[str, str, Any] | None = None
    if shares and temperature is None:
        wrong = ("shares", "null where there is no temperature", dict(shares))
    for name, share in shares.items():
        if not 0 < share < 1:
            wrong = (f"shares.{name}", "between 0 and 1", share)
    if not wrong and shares and (sum(shares.values()) >= 1 or len(shares) == n_corpora):
        wrong = ("shares", "below 1 together, for some of the corpora", dict(shares))
    if wrong:
        option, expected, value = wrong
        raise ValueError(Errors.B049.format(option=option, name=NAME, expected=expected, value=value))


def make_mixed_corpus(
    # Not Callable: confection checks the values before it has made the readers.
    corpora: dict[str, Any],
    weights: Optional[dict[str, float]] = None,
    temperature: Optional[float] = None,
    shares: Optional[dict[str, float]] = None,
    labels: Optional[dict[str, dict[str, Optional[str]]]] = None,
    prefixes: Optional[dict[str, str]] = None,
    spans_key: str = "sc",
    seed: int = 0,
    n_shuffled: int = 0,
    augmenter: Optional[Callable] = None,
) -> MixedCorpus:
    """Train from several corpora, which may have different types (`spacy_binder.MixedCorpus.v1`).

    Each document says which types were annotated in it: those that it says itself or by `spacy_binder.Annotated.v1`,
    or else all types of its corpus, which are the labels that occur in it and those that `labels` names. No document is
    kept. Each corpus is read once more, at the start, to count it.

    corpora (dict): The corpora by name, each one a block such as `spacy.Corpus.v1`.
    weights (Optional[dict]): How often each corpus is read in a pass, by name. With 2, each example comes twice. With
        0.1, another tenth of them is drawn for each pass. With 0, the corpus is not read. Defaults to None, which
        means 1 for each, as for a corpus that is not named.
    temperature (Optional[float]): Instead of weights. A pass has as many examples as all corpora together, of each
        corpus in proportion to `size ** (1 / temperature)`. With 1, this is its size. The higher, the more are small
        corpora repeated. Defaults to None.
    shares (Optional[dict]): Beside a temperature, the part of a pass that a corpus gives, by name. With 0.4, four of
        ten examples are of this corpus. The temperature divides the rest among the others. Defaults to None.
    labels (Optional[dict]): By name of a corpus, new labels of its labels. null leaves out spans of this label, and the
        type counts as not annotated. Labels that are not named stay as they are. Defaults to None.
    prefixes (Optional[dict]): By name of a corpus, what to put before each label that `labels` doesn't name. Defaults
        to None.
    spans_key (str): Key of doc.spans with the gold spans. Defaults to "sc".
    seed (int): Decides which examples are drawn, and their order. Defaults to 0.
    n_shuffled (int): Examples that are held in memory to shuffle them. It is of use with `max_epochs = -1`: otherwise
        spaCy shuffles all. Defaults to 0, which means that the examples of each corpus come in its order, and at equal
        distances.
    augmenter (Optional[Callable]): Makes examples from an example, as for `spacy.Corpus.v1`, after the draw. If the
        corpora have one of their own, passages are counted and drawn instead of documents. Defaults to None.
    """
    return MixedCorpus(corpora, weights, temperature, shares, labels, prefixes, spans_key, seed, n_shuffled, augmenter)
