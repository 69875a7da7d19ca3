"""Count which types training examples were annotated with, and their spans, by corpus. Training shows the counts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from spacy.tokens import Doc
from wasabi.tables import table

from .gold import annotated_labels

# A child of spaCy's logger, so that its lines look the same. `spacy train` hides what spaCy's own logger says at this
# level. To hide these lines too: logging.getLogger("spacy.binder").setLevel("WARNING")
logger = logging.getLogger("spacy.binder")
logger.setLevel(logging.INFO)

# The most types and corpora to show. There may be thousands.
SHOWN_TYPES, SHOWN_CORPORA = 20, 5


class TypeCounts:
    """Numbers of examples and spans by type.

    A doc says by `attrs["labels"]` of its span group which types were annotated in it, and by `attrs["corpus"]` which
    corpus it is from.

    spans_key (str): Key of doc.spans with the gold spans.
    docs (Counter): Number of docs by corpus. The corpus is "" if a doc names none.
    of_all (Counter): Number of docs that were annotated with all types, by corpus.
    annotated (Counter): Number of docs that say that a type was annotated, by corpus and label.
    spans (Counter): Number of spans by corpus and label.
    """

    def __init__(self, spans_key: str) -> None:
        """
        spans_key (str): Key of doc.spans with the gold spans.
        """
        self.spans_key = spans_key
        self.docs: Counter[str] = Counter()
        self.of_all: Counter[str] = Counter()
        self.annotated: Counter[tuple[str, str]] = Counter()
        self.spans: Counter[tuple[str, str]] = Counter()

    def add(self, doc: Doc) -> None:
        """Add a doc.

        doc (Doc): A doc with gold spans.
        RAISES (ValueError): If what it says of its types is no list of labels, or a span has another label.
        """
        group = doc.spans.get(self.spans_key)
        corpus = "" if group is None else group.attrs.get("corpus", "")
        corpus = corpus if isinstance(corpus, str) else ""
        labels = annotated_labels(doc, self.spans_key)
        self.docs[corpus] += 1
        if labels is None:
            self.of_all[corpus] += 1
        else:
            self.annotated.update((corpus, label) for label in {*labels})
        self.spans.update((corpus, span.label_) for span in group or ())

    def count(self, label: str, corpus: str) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): The docs of a corpus that a type was annotated in, and its spans in them."""
        return self.of_all[corpus] + self.annotated[corpus, label], self.spans[corpus, label]

    def table(self, labels: Sequence[str]) -> str:
        """Make a table of the most frequent types.

        labels (Sequence[str]): The labels of all types.
        RETURNS (str): The table. It has the counts by corpus if a doc names its corpus.
        """
        corpora = [corpus for corpus, _ in self.docs.most_common()]
        counts = {label: [self.count(label, corpus) for corpus in corpora] for label in labels}
        totals = {label: tuple(map(sum, zip(*of_label, strict=True))) for label, of_label in counts.items()}
        ranked = sorted(labels, key=lambda label: (-totals[label][1], -totals[label][0]))
        header, rows = ["Type", "Examples", "Spans"], []
        for label in ranked[:SHOWN_TYPES]:
            row = [label, *(f"{n:,}" for n in totals[label])]
            if any(corpora):
                row.append(_by_corpus(corpora, counts[label]))
            rows.append(row)
        if any(corpora):
            header.append("Examples and spans by corpus")
        aligns = ("l", "r", "r", "l")[: len(header)]
        shown = table(rows, header=header, divider=True, aligns=aligns, max_col=200).strip("\n")
        rest = ranked[SHOWN_TYPES:]
        if not rest:
            return shown
        n_spans = sum(totals[label][1] for label in rest)
        n_bare = sum(not totals[label][1] for label in rest)
        bare = f" {n_bare:,} of them have none." if n_bare else ""
        return f"{shown}\nand {len(rest):,} more types with {n_spans:,} spans.{bare}"

    def show(self, labels: Sequence[str], name: str, *, is_stream: bool = False) -> None:
        """Show the table where spaCy shows what it logs.

        labels (Sequence[str]): The labels of all types.
        name (str): Name of the component.
        is_stream (bool): Whether there are more examples than those that were counted. Defaults to False.
        """
        total = f"{self.docs.total():,}"
        examples = f"the first {total} training examples" if is_stream else f"{total} training examples"
        message = "'%s' learns from %s with %s spans. Examples that each type was annotated in, and its spans:\n%s"
        logger.info(message, name, examples, f"{self.spans.total():,}", self.table(labels))


def _by_corpus(corpora: Sequence[str], counts: Sequence[tuple[int, int]]) -> str:
    """RETURNS (str): The counts of a type in each corpus that was annotated with it."""
    found = [
        f"{corpus or '(no name)'} {n_docs:,}/{n_spans:,}"
        for corpus, (n_docs, n_spans) in zip(corpora, counts, strict=True)
        if n_docs
    ]
    more = len(found) - SHOWN_CORPORA
    return ", ".join(found[:SHOWN_CORPORA]) + (f" and {more:,} more" if more > 0 else "")
