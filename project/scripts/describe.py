"""Describe labels in two more ways: by name alone, and by examples from the training part."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import spacy
import typer
from configure import Descriptions, labels_path
from spacy.tokens import Doc, DocBin
from wasabi import msg

from spacy_binder.config import default_description

MOST = 8


def name_labels(guideline: dict[str, str]) -> dict[str, str]:
    """RETURNS (dict[str, str]): The name of each label in plain words: its description up to the colon."""
    names = {label: text.partition(":") for label, text in guideline.items()}
    return {label: name if colon else default_description(label) for label, (name, colon, _) in names.items()}


def exemplify_labels(names: dict[str, str], docs: Iterable[Doc], *, most: int = MOST) -> dict[str, str]:
    """Describe each label by its most frequent gold spans. Of equally frequent spans, the shorter comes first.

    names (dict[str, str]): The labels and their names. A label without gold spans is described by its name.
    docs (Iterable[Doc]): Documents of the training part only, because the model learns from descriptions.
    most (int): The most spans per label. Spans that differ only in case count as one, in its most frequent spelling.
    RETURNS (dict[str, str]): The descriptions.
    """
    counts: dict[str, Counter[str]] = {label: Counter() for label in names}
    for doc in docs:
        for span in doc.spans["sc"]:
            if span.label_ in counts:
                counts[span.label_][" ".join(span.text.split())] += 1
    described = {}
    for label, texts in counts.items():
        spellings: dict[str, Counter[str]] = {}
        for text, count in texts.items():
            spellings.setdefault(text.casefold(), Counter())[text] += count
        ranked = sorted(spellings.values(), key=lambda same: (-same.total(), len(min(same)), min(same)))
        chosen = [same.most_common(1)[0][0] for same in ranked[:most]]
        described[label] = ", ".join(chosen) or names[label]
    return described


def main(corpus: Path) -> None:
    """Read the labels and the training part in CORPUS, and write the other descriptions beside them."""
    guideline = json.loads(labels_path(corpus, Descriptions.GUIDELINE).read_text(encoding="utf8"))
    names = name_labels(guideline)
    docs = DocBin().from_disk(corpus / "train.spacy").get_docs(spacy.blank("en").vocab)
    examples = exemplify_labels(names, docs)
    for descriptions, labels in ((Descriptions.NAME, names), (Descriptions.EXAMPLES, examples)):
        text = json.dumps(labels, indent=2, ensure_ascii=False)
        labels_path(corpus, descriptions).write_text(f"{text}\n", encoding="utf8")
    rows = [(label, names[label], examples[label]) for label in guideline]
    msg.table(rows, header=("Label", "Name", "Examples"), divider=True, max_col=80)


if __name__ == "__main__":
    typer.run(main)
