"""The best model of a study without a target: codes of rows, rows of codes, new rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.border import table_of
from spaces.rows.columns import Schema
from spaces.rows.target import ITSELF
from spaces.store import load_fitted
from tuner.archive.study_folder import StudyError
from tuner.ensembling.candidates import usable
from tuner.study import Study, load_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_SHOWN = 8


@dataclass(frozen=True, eq=False)
class BestModel:
    """What the best trial of a study without a target learned, of its first fold.

    Attributes:
        trial: The trial's name.
        family: Its family.
        schema: The columns that it reads.
        fitted: The model.
    """

    trial: str
    family: str
    schema: Schema
    fitted: Any

    def encode(self, rows: Any) -> NDArray[np.float32]:
        """Return the codes of rows, `(rows, latent)`: few numbers that say most, as columns for trees, say.

        Raises:
            StudyError: The model has no codes, as adversarial networks have none.
        """
        import keras

        from spaces.engines.keras.prediction import predict
        from spaces.families.unsupervised.networks import CODE

        network = self._network("codes")
        body = keras.Model(network.inputs, network.get_layer(CODE).output)
        table = self._table(rows)
        (fed,) = self.fitted.feeds(tuple(reader.matrix(table) for reader in self.fitted.readers))
        return predict(body, fed)

    def decode(self, codes: Any) -> NDArray[np.float32]:
        """Return the rows of codes, as the network reads them: pixels from 0 to 1, standardised values of series."""
        from spaces.engines.keras.prediction import predict

        decoder = self._decoder
        values = predict(decoder, np.asarray(codes, np.float32)).reshape(-1, *decoder.output_shape[1:])
        pixels = self.family == "variational_autoencoder" and self.schema.columns[0].dtype == "uint8"
        return np.asarray(1 / (1 + np.exp(-values)), np.float32) if pixels else values  # the decoder says logits

    def restore(self, rows: Any) -> NDArray[np.float32]:
        """Return what the model makes of rows through their codes."""
        return self.decode(self.encode(rows))

    def sample(self, rows: int, seed: int = 0) -> NDArray[np.float32]:
        """Return new rows, of codes that are drawn from a normal distribution.

        Raises:
            StudyError: Codes of a plain autoencoder follow no known distribution.
        """
        if self.family == "autoencoder":
            raise StudyError("an autoencoder makes no new rows: take a variational_autoencoder, or a gan")
        codes = np.random.default_rng(seed).normal(size=(rows, self._decoder.input_shape[1]))
        return self.decode(codes)

    def plot(self, rows: Any = None, seed: int = 0) -> Figure:
        """Show new images, or what becomes of images that are given, each above what the model makes of it."""
        from matplotlib.figure import Figure

        if rows is None:
            shown = [*self.sample(_SHOWN**2, seed)]
        else:
            given = np.asarray(self._table(rows).arrays[0][: _SHOWN**2 // 2])
            scaled, restored = given / (255 if given.dtype == np.uint8 else 1), self.restore(given)
            shown = [
                image
                for start in range(0, len(given), _SHOWN)
                for image in (*scaled[start : start + _SHOWN], *restored[start : start + _SHOWN])
            ]
        figure = Figure(figsize=(6, 6 * max(1, -(-len(shown) // _SHOWN)) / _SHOWN), layout="constrained")
        axes = figure.subplots(max(1, -(-len(shown) // _SHOWN)), _SHOWN, squeeze=False).ravel()
        for one in axes:
            one.axis("off")
        for one, image in zip(axes, shown, strict=False):
            one.imshow(np.clip(image.squeeze(), 0, 1), cmap="gray", vmin=0, vmax=1)
        return figure

    @property
    def _decoder(self) -> Any:
        from spaces.families.unsupervised.networks import DECODER

        return self.fitted.generator if self.family == "gan" else self._network("rows").get_layer(DECODER)

    def _network(self, what: str) -> Any:
        if self.family == "gan":
            raise StudyError(f"adversarial networks have no {what}: take an autoencoder")
        return self.fitted.model

    def _table(self, rows: Any) -> Any:
        return table_of(self.schema, rows)


def best_model(study: Study | str | Path) -> BestModel:
    """Return the best model of a study without a target.

    Args:
        study: The study, or its folder.

    Raises:
        NoModels: Nothing beside the baseline succeeded.
        StudyError: The study's task has a target.
    """
    study = study if isinstance(study, Study) else load_study(study)
    if study.task.target.kind != ITSELF:
        raise StudyError(f"the study predicts {study.task.target.name!r}: study.ensemble() is what it ends in")
    best = usable(study)[0]
    fitted = load_fitted(study.attempt_folder(best) / "fold-0")
    return BestModel(best.name, best.family, study.task.schema, fitted)
