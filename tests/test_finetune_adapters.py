"""Adapters from elsewhere, on layers that have a row for each token: served as they were trained, or
refused with what to do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.generators.loading import load_weights, merge_adapter, put_adapter
from rag.generators.transformers import TransformersGenerator
from rag.schema import ModelError
from tests.tiny_models import make_tiny_adapter, make_tiny_model


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
def test_an_adapter_on_the_output_layer_is_merged_only_where_nothing_else_changes(
    tied: bool, tmp_path: Path
) -> None:
    import torch

    base = make_tiny_model(tmp_path / "base", "gemma2", tie_word_embeddings=tied)
    targets = ("q_proj", "lm_head")
    adapter = str(make_tiny_adapter(tmp_path / "adapter", base, targets=targets))
    ids = torch.tensor([[2, 5, 9, 20]])
    whole = load_weights(str(base), dtype="float32", device="cpu")
    with torch.no_grad():
        expected = put_adapter(whole, adapter).eval()(input_ids=ids).logits
    fresh = load_weights(str(base), dtype="float32", device="cpu")
    if tied:
        with pytest.raises(ModelError, match=r"it would change both\. Use it unmerged"):
            merge_adapter(fresh, adapter, "float32")
    else:
        with torch.no_grad():
            merged = merge_adapter(fresh, adapter, "float32")(input_ids=ids).logits
        assert float((merged - expected).abs().max()) < 1e-2
    messages = [{"role": "user", "content": "How was it?"}]
    served = TransformersGenerator(str(base), adapter=adapter)
    assert isinstance("".join(served.stream(messages, max_new_tokens=4)), str)


@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers` to `True`")
@pytest.mark.parametrize("family", ["gemma1", "smollm2"])
def test_an_adapter_with_an_enlarged_vocabulary_is_refused_with_what_to_do(
    family: str, tmp_path: Path
) -> None:
    base = make_tiny_model(tmp_path / "base", family)
    adapter = str(make_tiny_adapter(tmp_path / "adapter", base, new_tokens=3))
    with pytest.raises(ModelError, match=r"vocabulary was enlarged\. Merge the two where"):
        TransformersGenerator(str(base), adapter=adapter)
    fresh = load_weights(str(base), dtype="float32", device="cpu")
    with pytest.raises(ModelError, match=r"vocabulary was enlarged"):
        merge_adapter(fresh, adapter, "float32")
