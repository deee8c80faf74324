"""MLServer with a runtime of our own: Open Inference Protocol, a tensor a column."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.others.predict import Predictor


class Flights(MLModel):
    """The model as MLServer's."""

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
        found = np.array(self.predictor.columns(columns))
        output = NumpyCodec.encode_output("probability", found)
        return InferenceResponse(model_name=self.name, outputs=[output])
