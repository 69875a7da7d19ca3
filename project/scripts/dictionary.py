"""Make a dictionary to label a corpus with, from given patterns or from the strings of gold spans."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from distant.patterns import read_patterns
from distant.strings import OUTCOMES, Rules, build_dictionary
from spacy.tokens import DocBin
from wasabi import msg

Share = typer.Option(min=0.0, max=1.0)


def main(
    source: Path,
    labels: Path,
    output: Path,
    min_count: int = Rules().min_count,
    min_label_share: Annotated[float, Share] = Rules().min_label_share,
    min_text_share: Annotated[float, Share] = Rules().min_text_share,
) -> None:
    """Write patterns of spaCy's SpanRuler to OUTPUT.

    SOURCE is a DocBin with gold spans, or JSON with one pattern per line. The options choose among the strings of gold
    spans. Given patterns are taken as they are. LABELS is the dataset's labels.json.
    """
    known = list(srsly.read_json(labels))  # type: ignore[arg-type]
    if source.suffix == ".spacy":
        vocab = spacy.blank("en").vocab
        rules = Rules(min_count, min_label_share, min_text_share)
        dictionary = build_dictionary(DocBin().from_disk(source).get_docs(vocab), vocab, rules)
        patterns = dictionary.patterns
        rows = [
            (outcome, f"{len(strings):,}", OUTCOMES[outcome], "; ".join(strings[:5]))
            for outcome, strings in dictionary.outcomes.items()
        ]
        header = ("Strings", "Number", "Each of them", "The most frequent ones")
        msg.table(rows, header=header, divider=True, aligns=("l", "r", "l", "l"), max_col=100)
    else:
        try:
            patterns = read_patterns(source, known)
        except ValueError as error:
            msg.fail(f"Can't read {source}", str(error), exits=1)
            return
    if not patterns:
        msg.fail(f"No string of {source} makes a dictionary", exits=1)
    counts = Counter(pattern["label"] for pattern in patterns)
    rows = [(label, f"{counts[label]:,}") for label in known]
    msg.table(rows, header=("Label", "Patterns"), divider=True, aligns=("l", "r"))
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_jsonl(output, patterns)
    msg.good(f"Wrote a dictionary of {len(patterns):,} patterns", str(output))


if __name__ == "__main__":
    typer.run(main)
