"""The description in OpenAPI is true: schemathesis makes requests from it, and looks at the answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import spacy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.python.asgi import shutdown_lifespans

from spacy_binder.serving.api import make_api
from spacy_binder.serving.messages import Problem
from spacy_binder.serving.settings import ServerSettings

LIMITS = {"texts": 3, "text_length": 200, "labels": 4, "label_length": 20, "descriptions": 2, "description_length": 60}

# It doesn't know that too much may also be refused by 413.
CONFIG = {"checks": {"negative_data_rejection": {"expected-statuses": [413, 415, 422]}}}
OPERATIONS = [("/annotate", "POST"), ("/labels", "GET"), ("/health", "GET"), ("/metrics", "GET")]


@pytest.fixture(scope="module")
def schema(trained: tuple[Path, Path]) -> Iterator[Any]:
    served = ServerSettings.model_validate({"model": "unused", "limits": LIMITS, "wait_ms": 0})
    api = make_api(spacy.load(trained[0]), "binder_ner", served)
    yield schemathesis.openapi.from_asgi("/openapi.json", api, config=schemathesis.Config.from_dict(CONFIG))
    shutdown_lifespans()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_as_described(schema: Any, path: str, method: str, mode: GenerationMode) -> None:
    """schemathesis's checks: no 5xx, a status, type and body that are described, and the right kind of status."""
    statuses: set[int] = set()

    @settings(
        max_examples=60 if method == "POST" else 5,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        statuses.add(case.call_and_validate().status_code)

    try:
        ask()
    except Unsatisfiable:
        # A request without a body can't be wrong.
        assert method == "GET" and mode.is_negative
        return
    expected = {200} if mode.is_positive else {413, 415, 422}
    assert statuses and statuses <= (expected if method == "POST" else {200})


def test_statuses_are_described(schema: Any) -> None:
    paths = schema.raw_schema["paths"]
    statuses = {(path, kind): set(one["responses"]) for path, kinds in paths.items() for kind, one in kinds.items()}
    assert statuses == {
        ("/annotate", "post"): {"200", "408", "413", "415", "422", "429", "500", "503", "504"},
        ("/labels", "get"): {"200"},
        ("/health", "get"): {"200", "503"},
        ("/metrics", "get"): {"200"},
    }
    shown = schema.raw_schema["components"]["schemas"]["Problem"]
    assert shown["properties"].keys() == Problem.model_fields.keys()
    asked = paths["/annotate"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert asked["properties"]["texts"]["maxItems"] == 3
