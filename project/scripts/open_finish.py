"""Finish the trained open pipeline: give it general types to begin with, and choose their threshold."""

import json
from pathlib import Path

import spacy
import srsly
import typer
from open.thresholds import choose_threshold, dev_examples, score_corpora
from spacy.cli._util import setup_gpu
from wasabi import msg

from spacy_binder.analysis.component import find_component, get_component

# The threshold of types that users describe. What fits trained types is too high for others: docs/results/open.md.
THRESHOLD_OF_NEW_TYPES = 0.5


def main(model: Path, settings: Path, output: Path, gpu_id: int = -1) -> None:
    """Save MODEL to OUTPUT with the types of SETTINGS. Their threshold is chosen on the development part of MODEL."""
    setup_gpu(gpu_id, silent=True)
    nlp = spacy.load(model)
    name = find_component(nlp)
    pipe = get_component(nlp, name)
    # Without the thousands of trained descriptions, new ones are not compared with them. It is made for new ones.
    pipe.cfg["trained"] = []
    threshold, rows = choose_threshold(score_corpora(nlp, name, dev_examples(nlp)))
    corpora = list(rows[0]["f"])
    shown = [
        (f"{r['threshold']:.2f}", *(f"{100 * r['f'][c]:.1f}" for c in corpora), f"{100 * r['mean']:.1f}") for r in rows
    ]
    header = ("Threshold", *(f"F1 of {corpus}" for corpus in corpora), "Mean")
    msg.table(shown, header=header, divider=True, aligns=("r",) * len(header))
    labels = json.loads((settings / "general.json").read_text(encoding="utf8"))
    pipe.cfg.update(labels=labels, threshold=THRESHOLD_OF_NEW_TYPES, thresholds=dict.fromkeys(labels, threshold))
    nlp.meta.update(srsly.read_json(settings / "meta.json"))  # type: ignore[arg-type]
    output.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(output)
    said = f"their threshold {threshold:.2f}, and {THRESHOLD_OF_NEW_TYPES} for all others"
    msg.good(f"Saved the pipeline with {len(labels)} types, {said}", str(output))


if __name__ == "__main__":
    typer.run(main)
