"""The Open Inference Protocol (KServe's V2) over HTTP, with Triton's binary tensors and classification.

After kserve/open-inference-protocol, specification/protocol/inference_rest.md, and triton-inference-server/server,
docs/protocol/extension_binary_data.md and extension_classification.md. A model takes pictures that are 28x28 already and
gives its own numbers: nothing is read here and nothing decided, which is what POST /predict is for.
"""

from serving.http.openinference.handlers import owns, routes, told

__all__ = ["owns", "routes", "told"]
