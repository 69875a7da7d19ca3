"""What the measurements ran on."""

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spacy_binder.installed import is_installed

# Linux says here what its processor is.
PROCESSOR = Path("/proc/cpuinfo")
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
PACKAGES = ("torch", "spacy", "thinc", "transformers", "spacy-transformers", "spacy-binder")
OPTIONAL = ("openvino", "gliner")


def machine() -> dict[str, Any]:
    """RETURNS (dict): Processor, its cores and units, and versions."""
    lines = PROCESSOR.read_text(encoding="utf8").splitlines() if PROCESSOR.exists() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines) if value}
    packages = [*PACKAGES, *filter(is_installed, OPTIONAL)]
    return {
        "processor": facts.get("model name") or platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "flags": [flag for flag in FLAGS if flag in facts.get("flags", "").split()],
        "python": sys.version.split()[0],
        "versions": {package: version(package) for package in packages},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def has_bfloat16(facts: dict[str, Any]) -> bool:
    """RETURNS (bool): Whether the processor multiplies in bfloat16."""
    return bool({"avx512_bf16", "amx_bf16"} & set(facts["flags"]))
