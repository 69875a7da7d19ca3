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
    precision: Annotated[
        str, Opt("--precision", help="float32, bfloat16, int8, or auto: the fastest one here")
    ] = "auto",
    engine: Annotated[str, Opt("--engine", help="torch, openvino, or auto: the faster one installed")] = "auto",
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to measure on, -1 for the CPU")] = -1,
) -> None:
    """Save a smaller and faster pipeline, if its F1 on DEV is good enough.

    The text encoder then multiplies in fewer bits, and its weights are saved in fewer; or OpenVINO runs it, where
    that is installed and there is no GPU. Loaded like any other pipeline. If every choice costs more F1 than
    allowed, nothing is saved and the command fails.
    """
    from ..analysis.component import find_component
    from ..analysis.optimization import combinations, fastest_within, measure

    if engine == "auto" and gpu_id >= 0:
        engine = "torch"
    try:
        tried = combinations(precision, engine)
    except (ValueError, ImportError) as error:
        msg.fail("Nothing to try", str(error), exits=1)
        return
    if not tried:
        msg.fail("Nothing to try", f"There is no {precision} by {engine} beside the pipeline as it is.", exits=1)
    setup_gpu(gpu_id)
    from spacy.util import load_model

    name = find_component(load_model(model), component)
    baseline = measure(model, dev, name, "float32")
    candidates = [measure(model, dev, name, *choice) for choice in tried]
    # The pipeline may have been saved in another precision than float32.
    named = [("as it is", "", baseline), *((c.precision, c.engine, c) for c in candidates)]
    rows = [
        (
            precision,
            engine,
            f"{candidate.f_score:.2f}",
            f"{candidate.f_score - baseline.f_score:+.2f}",
            f"{candidate.words_per_second:,.0f}",
            f"{candidate.words_per_second / baseline.words_per_second:.2f}",
            f"{candidate.n_bytes / 2**20:.0f}",
        )
        for precision, engine, candidate in named
    ]
    header = ("Precision", "Engine", "F1", "Difference", "Words/s", "Times as fast", "MiB")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", "r", "r", "r", "r", "r"))
    chosen = fastest_within(candidates, baseline, max_loss)
    if chosen is None:
        msg.fail(
            "Nothing saved",
            f"No choice loses at most {max_loss} points of F1; see the table, and --max-loss.",
            exits=1,
        )
        return
    if chosen.words_per_second <= baseline.words_per_second:
        msg.warn(f"{chosen.precision} by {chosen.engine} is not faster on this processor")
    chosen.nlp.meta["binder_optimized"] = {
        "precision": chosen.precision,
        "engine": chosen.engine,
        "f_score": round(chosen.f_score, 2),
        "f_score_before": round(baseline.f_score, 2),
    }
    chosen.nlp.to_disk(output)
    msg.good(f"Saved the pipeline in {chosen.precision} by {chosen.engine}", str(output))
