"""MLServer with a custom runtime: Open Inference Protocol, one tensor per column."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.competitors.predict import Predictor


class Flights(MLModel):
    """The model, as MLServer expects it."""

    async def load(self) -> bool:
        """Load the model."""
        self.predictor = Predictor()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict."""
        columns = {
            tensor.name: (
                StringCodec.decode_input(tensor)
                if tensor.datatype == "BYTES"
                else NumpyCodec.decode_input(tensor).ravel()
            )
            for tensor in payload.inputs
        }
        probabilities = np.array(self.predictor.columns(columns))
        output = NumpyCodec.encode_output("probability", probabilities)
        return InferenceResponse(model_name=self.name, outputs=[output])
