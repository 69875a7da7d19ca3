"""Score a dictionary and the pipeline that was trained on its labels, side by side."""

from pathlib import Path

import srsly
import typer
from distant.scores import compare
from spacy.cli._util import setup_gpu
from wasabi import msg


def main(dictionary: Path, model: Path, test: Path, output: Path, gpu_id: int = -1) -> None:
    """Score the pipelines DICTIONARY and MODEL on the gold spans of TEST; print them, and write OUTPUT as JSON."""
    setup_gpu(gpu_id, silent=True)
    result = compare(dictionary, model, test)
    found, missed = (result["gold_spans"][f"{name}_by_dictionary"] for name in ("found", "missed"))
    rows = [
        ("dictionary alone", *_percent(result["dictionary"]), f"{found['n']:,}", "0"),
        ("trained on its labels", *_percent(result["trained"]), f"{found['trained']:,}", f"{missed['trained']:,}"),
    ]
    header = ("", "P", "R", "F1", f"of {found['n']:,} spans it finds", f"of {missed['n']:,} it misses")
    msg.table(rows, header=header, divider=True, aligns=("l", *"r" * 5))
    per_type = [result[name]["per_type"] for name in ("dictionary", "trained")]
    labels = [
        (label, *("-" if label not in scores else f"{100 * scores[label]['f']:.1f}" for scores in per_type))
        for label in sorted({label for scores in per_type for label in scores})
    ]
    header = ("F1 of label", "dictionary alone", "trained on its labels")
    msg.table(labels, header=header, divider=True, aligns=("l", "r", "r"))
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, result)
    msg.good("Saved the scores", str(output))


def _percent(scores: dict) -> tuple[str, ...]:
    return tuple(f"{100 * scores[name]:.1f}" for name in "prf")


if __name__ == "__main__":
    typer.run(main)
