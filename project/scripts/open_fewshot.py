"""Measure what a few annotated sentences of each domain of CrossNER give: as examples, and by training on them."""

import json
from hashlib import md5
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import spacy
import srsly
import typer
from open.corpora import DOMAINS, leave_out_misc, read_part
from open.fewshot import BATCH, RATE, STEPS, draw_shots, train_on, with_examples
from open.zero_shot import MODES, describe_types, measure, predict
from spacy.cli._util import setup_gpu
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import Config, fix_random_seed
from wasabi import msg

from spacy_binder.analysis.component import find_component, get_component
from spacy_binder.annotation.annotator import model_checksum
from spacy_binder.corpora.problems import Problems

WAYS = ("examples", "trained further", "trained on them alone")


def main(
    model: Path,
    config: Path,
    assets: Path,
    test: Path,
    datasets: Path,
    output: Path,
    draws: int = 5,
    domains: str = ",".join(DOMAINS),
    gpu_id: int = -1,
) -> None:
    """Score MODEL on the files of TEST with 1, 5 and 20 sentences per type, drawn from the train parts in ASSETS.

    CONFIG is what a pipeline is trained by that knows nothing else. Results that OUTPUT.jsonl has of the same files
    and settings are not measured again. Writes OUTPUT.json and OUTPUT.md.
    """
    setup_gpu(gpu_id, silent=True)
    chosen = check_domains(domains, assets, test)
    path = output.with_suffix(".jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = read_rows(path)
    of_model = model_checksum(model)
    nlp = spacy.load(model)
    name = find_component(nlp)
    done: list[dict[str, Any]] = []
    for domain in chosen:
        labels, gold = datasets / f"crossner-{domain}" / "labels.json", test / f"crossner-{domain}.spacy"
        trained_on = sorted((assets / f"crossner-{domain}").glob("train*"))
        checksum = checksum_of(of_model, [config, labels, gold, *trained_on])
        kept = [row for row in rows if row.get("checksum") == checksum and row["draw"] < draws]
        done += kept
        seen = {(row["n"], row["way"], row["draw"]) for row in kept}
        given = json.loads(labels.read_text(encoding="utf8"))
        types = describe_types(given, MODES[-1])
        train = read_part(f"crossner-{domain}", "train", assets, datasets, nlp, Problems())
        sentences = list(leave_out_misc(train, given))
        for draw in range(draws):
            for n, steps in STEPS.items():
                shots = draw_shots(sentences, types, n, seed=draw)
                if not shots:
                    msg.fail(f"No sentence of crossner-{domain} has a span of a type of {labels}", exits=1)
                for way in WAYS:
                    if (n, way, draw) in seen:
                        continue
                    pipeline, words = prepare(way, model, config, types, shots, steps, draw)
                    f = measure(predict(pipeline, find_component(pipeline), gold, words), types)["f"]
                    row = {"domain": domain, "n": n, "way": way, "draw": draw, "sentences": len(shots), "f": f or 0.0}
                    row["checksum"] = checksum
                    done.append(row)
                    srsly.write_jsonl(path, [row], append=True, append_new_line=False)
                    said = f"{domain}, {n} per type ({len(shots)} sentences), {way}, draw {draw}"
                    msg.text(f"{said}: {100 * row['f']:.1f}")
    header = ("Way", "Per type", *DOMAINS, "mean")
    rows = table(done)
    msg.table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1)))
    threshold = get_component(nlp, name).cfg["threshold"]
    srsly.write_json(output.with_suffix(".json"), {"threshold": threshold, "runs": done})
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    output.with_suffix(".md").write_text(f"# A few sentences per type\n\n{text}\n", encoding="utf8")


def check_domains(domains: str, assets: Path, test: Path) -> list[str]:
    """RETURNS (list[str]): The domains of a list with commas. Stops if one is unknown, or its files are not there."""
    chosen = [domain.strip() for domain in domains.split(",")]
    for domain in chosen:
        if domain not in DOMAINS:
            msg.fail(f"No domain of CrossNER: '{domain}'", f"Choose from {', '.join(DOMAINS)}.", exits=1)
        for path in (assets / f"crossner-{domain}" / "train.txt", test / f"crossner-{domain}.spacy"):
            if not path.exists():
                msg.fail(f"Not found: {path}", "Run open-assets and open-corpora of the project first.", exits=1)
    return chosen


def read_rows(path: Path) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): What was measured before. A line that was not written to its end is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf8")
    if text and not text.endswith("\n"):
        path.write_text(f"{text}\n", encoding="utf8")
    rows: Any = srsly.read_jsonl(path, skip=True)
    return list(rows)


def checksum_of(model: str, files: list[Path]) -> str:
    """RETURNS (str): A checksum of all that a result depends on: pipeline, files, settings and version."""
    settings = json.dumps([model, version("spacy-binder"), STEPS, BATCH, RATE])
    return md5(settings.encode() + b"".join(md5(file.read_bytes()).digest() for file in files)).hexdigest()


def table(runs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """RETURNS (list[tuple[str, ...]]): F1 of each way and number of sentences by domain: its mean, and its spread."""
    rows = []
    for way in WAYS:
        for n in STEPS:
            of_domain = [
                [100 * run["f"] for run in runs if (run["way"], run["n"], run["domain"]) == (way, n, domain)]
                for domain in DOMAINS
            ]
            shown = [
                f"{fmean(one):.1f}" + (f" ± {stdev(one):.1f}" if len(one) > 1 else "") if one else "-"
                for one in of_domain
            ]
            mean = f"{fmean(map(fmean, of_domain)):.1f}" if all(of_domain) else "-"
            rows.append((way, str(n), *shown, mean))
    return rows


def prepare(
    way: str, model: Path, config: Path, types: dict[str, Any], shots: list[Doc], steps: int, seed: int
) -> tuple[Language, dict[str, Any]]:
    """RETURNS (tuple): A pipeline that has learned from some sentences, and what describes the types to it."""
    nlp = blank_pipeline(config, types, shots, seed) if way == "trained on them alone" else spacy.load(model)
    name = find_component(nlp)
    pipe = get_component(nlp, name)
    if way == "examples":
        examples = with_examples(types, shots, pipe.model.get_ref("scorer").attrs["max_span_length"])
        return nlp, pipe.with_options(examples).cfg["labels"]
    pipe.cfg.update(labels=types, thresholds={}, trained=[])
    train_on(nlp, name, shots, steps, seed)
    return nlp, types


def blank_pipeline(config: Path, types: dict[str, Any], shots: list[Doc], seed: int) -> Language:
    """RETURNS (Language): An untrained pipeline with the component of a config, without its other components."""
    settings = Config().from_disk(config, interpolate=False)["components"]["binder_ner"]
    component = Config({"components": {"binder_ner": settings}}).interpolate()["components"]["binder_ner"]
    nlp = spacy.blank("en")
    nlp.add_pipe(component.pop("factory"), name="binder_ner", config=component)
    for label, text in types.items():
        get_component(nlp, "binder_ner").add_label(label, text)
    fix_random_seed(seed)
    gold = list(DocBin(docs=shots).get_docs(nlp.vocab))
    nlp.initialize(lambda: [Example(doc.copy(), doc) for doc in gold])
    return nlp


if __name__ == "__main__":
    typer.run(main)
