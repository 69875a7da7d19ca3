"""Finish the trained open pipeline: choose its threshold, and give it general types to begin with."""

import json
from pathlib import Path

import spacy
import srsly
import typer
from open.thresholds import choose_threshold, dev_examples, score_corpora
from spacy.cli._util import setup_gpu
from wasabi import msg

from spacy_binder.analysis.component import find_component, get_component


def main(model: Path, settings: Path, output: Path, gpu_id: int = -1) -> None:
    """Save MODEL to OUTPUT with a threshold that is chosen on its development part, and with the types of SETTINGS."""
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
    pipe.cfg.update(labels=labels, threshold=threshold, thresholds={})
    nlp.meta.update(srsly.read_json(settings / "meta.json"))  # type: ignore[arg-type]
    output.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(output)
    msg.good(f"Saved the pipeline with {len(labels)} types and the threshold {threshold:.2f}", str(output))


if __name__ == "__main__":
    typer.run(main)
