"""`spacy binder optimize`: make a faster pipeline, if its F1 is good enough."""

from pathlib import Path
from typing import Annotated

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg


def optimize_cli(
    model: Annotated[str, Arg(help="Pipeline to optimize: a folder or the name of an installed one")],
    dev: Annotated[Path, Arg(help="DocBin with gold spans to measure F1 on", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the optimized pipeline to")],
    max_loss: Annotated[float, Opt("--max-loss", help="Points of F1 (of 100) that may be lost")] = 0.3,
    precision: Annotated[str, Opt("--precision", help="float32, bfloat16, int8, or auto for all of them")] = "auto",
    engine: Annotated[str, Opt("--engine", help="torch, openvino, or auto for all that are installed")] = "auto",
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, if there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to measure on, -1 for the CPU")] = -1,
) -> None:
    """Save a faster pipeline, if its F1 on DEV is good enough.

    Tries to run the text encoder in fewer bits by torch, and by OpenVINO where that is installed and there is no GPU.
    int8 is calibrated on DEV. Nothing is saved if every choice loses more F1 than allowed, or none is faster than the
    pipeline as it is and than float32 by torch. The result loads like any other pipeline.
    """
    setup_gpu(gpu_id)
    from spacy.util import load_model

    from ..analysis.component import find_component
    from ..analysis.optimization import (
        combinations,
        current_choice,
        fastest_within,
        load_in_precision,
        measure,
        read_examples,
    )

    nlp = load_model(model)
    name = find_component(nlp, component)
    current = current_choice(nlp, name)
    try:
        choices = combinations(precision, "torch" if engine == "auto" and gpu_id >= 0 else engine)
    except (ValueError, ImportError) as error:
        msg.fail("Nothing to try", str(error), exits=1)
        return
    choices = [choice for choice in choices if choice != current]
    if not choices:
        msg.fail("Nothing to try", f"The pipeline runs in {' by '.join(current)} already.", exits=1)
    examples = read_examples(nlp, dev)
    baseline = measure(nlp, name, *current, examples)
    candidates = []
    for choice in choices:
        optimized = load_in_precision(model, name, *choice, examples)
        candidates.append(measure(optimized, name, *choice, read_examples(optimized, dev)))
    rows = [
        (
            candidate.precision,
            candidate.engine + (" (as it is)" if candidate is baseline else ""),
            f"{candidate.f_score:.2f}",
            f"{candidate.f_score - baseline.f_score:+.2f}",
            f"{candidate.words_per_second:,.0f}",
            f"{candidate.words_per_second / baseline.words_per_second:.2f}",
            f"{candidate.n_bytes / 2**20:.0f}",
        )
        for candidate in (baseline, *candidates)
    ]
    header = ("Precision", "Engine", "F1", "Difference", "Words/s", "Times as fast", "MiB")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", "r", "r", "r", "r", "r"))
    chosen = fastest_within(candidates, baseline, max_loss)
    if chosen is None:
        msg.fail(
            "Nothing saved",
            f"No choice loses at most {max_loss} points of F1 and is faster than the pipeline as it is.",
            exits=1,
        )
        return
    chosen.nlp.meta["binder_optimized"] = {
        "precision": chosen.precision,
        "engine": chosen.engine,
        "f_score": round(chosen.f_score, 2),
        "f_score_before": round(baseline.f_score, 2),
    }
    chosen.nlp.to_disk(output)
    msg.good(f"Saved the pipeline in {chosen.precision} by {chosen.engine}", str(output))
