"""The model of one target out of those of all."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from spaces.engines.contract import Fitted
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.scale import TargetScale
from spaces.families.each_target import EachFitted
from spaces.families.joint.fit import CannotJoin
from spaces.rows.target import Target


def of_target(fitted: Fitted, target: Target, place: int) -> Fitted:
    """Return the model of one target: one of several, or a network with one head of several.

    Raises:
        CannotJoin: A network of several targets has no head for each.
    """
    if not target.parts:
        return fitted
    if isinstance(fitted, EachFitted):
        return fitted.fitted[place]
    if not isinstance(fitted, KerasFitted):
        raise CannotJoin("a joint model of several targets needs models of each, or a network with a head for each")
    try:
        head = fitted.model.get_layer(f"output_{place}")
    except ValueError as error:
        raise CannotJoin(f"the network {fitted.model.name!r} has no head for each target: {error}") from error
    read = tuple(fitted.model.inputs)
    alone = keras.Model(read if len(read) > 1 else read[0], head.output, name=f"target_{place}")
    columns = target.columns[place]
    mean, deviation = (np.asarray(of)[columns][0] for of in (fitted.scale.mean, fitted.scale.deviation))
    scale = TargetScale(float(mean), float(deviation))
    return replace(fitted, model=alone, kind=target.parts[place].kind, scale=scale, curves={})
