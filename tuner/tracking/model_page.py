"""What the page of a published model says: how good it is, how to predict with it, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ensembles.ensemble import Ensemble
from ensembles.member import Member
from tuner.tracking.complaints import without_password

_PORT = 5001  # MLflow's own pages have 5000
_LONGEST = 500  # letters of a tag


def model_tags(ensemble: Ensemble) -> dict[str, str]:
    """Return what an ensemble is and how good, a few words each."""
    difference = ensemble.scores.get("difference", {})
    score = "cross_fitted" if difference else "cross_validated"  # of a single trial no weights were fitted
    numbers = {
        score: ensemble.scores["ensemble"]["cross_fitted"],
        "one_model": ensemble.scores.get("comparator", {}).get("cross_fitted"),
        "difference": difference.get("cross_fitted"),
        "standard_error": difference.get("standard_error"),
    }
    weights = ", ".join(f"{member.trial} {member.weight:.3f}" for member in _by_weight(ensemble))
    told = {"method": ensemble.method, "metric": ensemble.metric, "members": str(len(ensemble.members))}
    told["weights"] = weights if len(weights) <= _LONGEST else f"{weights[:_LONGEST]}..."
    return told | {key: f"{value:.5g}" for key, value in numbers.items() if value is not None and np.isfinite(value)}


def _by_weight(ensemble: Ensemble) -> list[Member]:
    return sorted(ensemble.members, key=lambda member: -member.weight)


def model_description(
    ensemble: Ensemble, address: str, *, registry: str, pages: Mapping[str, str], request: str | None
) -> str:
    """Return the description of a version: how good it is, how to predict with it, and its members by weight.

    Args:
        ensemble: The ensemble.
        address: How MLflow finds the version.
        registry: The tracking URI under which it does.
        pages: The addresses of members' runs.
        request: What a server of the model can be sent, as curl takes it; None where no row is known.
    """
    rows = [
        f"| {f'[{one.trial}]({pages[one.trial]})' if one.trial in pages else one.trial} | {one.weight:.3f} |"
        for one in _by_weight(ensemble)
    ]
    python = ["import mlflow", "", f'mlflow.set_tracking_uri("{without_password(registry)}")']
    python += [f'mlflow.pyfunc.load_model("{address}").predict(frame)']
    served = [f"export MLFLOW_TRACKING_URI={without_password(registry)}"]
    served += [f"mlflow models serve -m {address} --env-manager local --port {_PORT}"]
    if request is not None:
        asked = f"curl http://127.0.0.1:{_PORT}/invocations -H 'Content-Type: application/json' \\"
        served += ["# in another terminal:", asked, f"  -d '{request}'"]
    return "\n\n".join(
        [
            _how_good(ensemble),
            _code("python", python),
            "Served by HTTP, where MLflow and what the model lists are installed:",
            _code("bash", served),
            "\n".join(["| member | weight |", "| --- | --- |", *rows]),
        ]
    )


def _how_good(ensemble: Ensemble) -> str:
    """Return the score, beside that of one model chosen the same way."""
    tags = model_tags(ensemble)
    if "difference" not in tags:
        return f"{tags['metric']} **{tags['cross_validated']}** cross-validated"
    error = f" (standard error of the difference {tags['standard_error']})" if "standard_error" in tags else ""
    one = f"{tags['one_model']} of one model chosen the same way{error}"
    return f"{tags['metric']} **{tags['cross_fitted']}** cross-fitted, against {one}"


def _code(language: str, lines: list[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])
