"""`spacy binder optimize`: a smaller and faster pipeline, gated on measured F1."""

from pathlib import Path
from typing import Annotated

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg


def optimize_cli(
    model: Annotated[str, Arg(help="Pipeline to optimize: a folder or the name of an installed one")],
    dev: Annotated[Path, Arg(help="DocBin with gold spans that the loss of F1 is measured on", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the optimized pipeline to")],
    max_loss: Annotated[float, Opt("--max-loss", help="Points of F1 (of 100) that may be lost")] = 0.3,
    precision: Annotated[str, Opt("--precision", help="bfloat16, int8, or auto: the faster one here")] = "auto",
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to measure on, -1 for the CPU")] = -1,
) -> None:
    """Save a smaller and faster pipeline, if its F1 on DEV is good enough.

    The text encoder then multiplies in fewer bits, and its weights are saved in fewer. Loaded like any other
    pipeline. If every precision costs more F1 than allowed, nothing is saved and the command fails.
    """
    from ..layers.shim import PRECISIONS
    from ..optimization import fastest_within, find_component, measure

    tried = PRECISIONS[1:] if precision == "auto" else (precision,)
    if not set(tried) <= set(PRECISIONS[1:]):
        msg.fail(f"Unknown precision '{precision}'", f"There are: auto, {', '.join(PRECISIONS[1:])}.", exits=1)
    setup_gpu(gpu_id)
    from spacy.util import load_model

    name = find_component(load_model(model), component)
    baseline = measure(model, dev, name, "float32")
    candidates = [measure(model, dev, name, choice) for choice in tried]
    rows = [
        (
            candidate.precision,
            f"{candidate.f_score:.2f}",
            f"{candidate.f_score - baseline.f_score:+.2f}",
            f"{candidate.words_per_second:,.0f}",
            f"{candidate.words_per_second / baseline.words_per_second:.2f}",
            f"{candidate.n_bytes / 2**20:.0f}",
        )
        for candidate in [baseline, *candidates]
    ]
    header = ("Precision", "F1", "Difference", "Words/s", "Times as fast", "MiB")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r", "r"))
    chosen = fastest_within(candidates, baseline, max_loss)
    if chosen is None:
        msg.fail(
            "Nothing saved",
            f"No precision loses at most {max_loss} points of F1; see the table, and --max-loss.",
            exits=1,
        )
        return
    if chosen.words_per_second <= baseline.words_per_second:
        msg.warn(f"{chosen.precision} is smaller, but not faster on this processor")
    chosen.nlp.meta["binder_optimized"] = {
        "precision": chosen.precision,
        "f_score": round(chosen.f_score, 2),
        "f_score_before": round(baseline.f_score, 2),
    }
    chosen.nlp.to_disk(output)
    msg.good(f"Saved the pipeline in {chosen.precision}", str(output))
