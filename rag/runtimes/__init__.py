"""What computes the embedder's and the reader's encoder: OpenVINO where it is installed, or torch.

Both are built from the same weights (`bert`), give the same states (`base.Encoder`) within the
processor's precision, and load nothing until an encoder is made. `choice` says which is used,
`tokenizer` turns texts into what an encoder takes, `sentence` into vectors; `machine` and `measure`
are what `reviewqa doctor` shows. Models of another architecture are sentence-transformers' matter.
"""

from rag.runtimes.base import Batch, Encoder, Runtime
from rag.runtimes.choice import choose_runtime, load_encoder

__all__ = ["Batch", "Encoder", "Runtime", "choose_runtime", "load_encoder"]
