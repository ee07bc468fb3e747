"""Tiny causal language models of real families, on disk, for tests: no download, a fraction of a
second each.

Every model is built from the family's own configuration class, with the family's own kind of
tokenizer and chat template. `says` makes a model that answers every prompt with the given text and
then, if allowed, goes on.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.generators.transformers import TransformersGenerator

FAMILIES = ("gemma1", "gemma2", "gemma3", "gemma4", "smollm2")
COMPOSITE_FAMILIES = (
    "gemma3-vision",
    "gemma4-vision",
)  # a language model inside an image-and-text checkpoint

TURN_END = {
    "gemma1": "<end_of_turn>",
    "gemma2": "<end_of_turn>",
    "gemma3": "<end_of_turn>",
    "gemma3-vision": "<end_of_turn>",
    "gemma4": "<turn|>",
    "gemma4-vision": "<turn|>",
    "smollm2": "<|im_end|>",
}
MAX_POSITIONS = 4096

# The chat template of Gemma 1 and 2: it writes the BOS itself and refuses a system role.
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not "
    "supported') }}"
    "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 "
    "== 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') "
    "}}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = "
    "message['role'] %}"
    "{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' "
    "}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)

# Gemma 3 puts a system message in front of the first user message. (Its handling of images is left
# out.)
GEMMA3_TEMPLATE = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {{- message['content'] | trim }}
    {{- '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\n'}}
{%- endif -%}
"""

# Gemma 4 has other turn tokens, a system role, and thinks only when asked. (Tools and media are
# left out.)
GEMMA4_TEMPLATE = """{{ bos_token }}
{%- set thinking = enable_thinking | default(false) -%}
{%- if thinking or messages[0]['role'] == 'system' -%}
    {{ '<|turn>system\n' + ('<|think|>\n' if thinking else '') }}
    {%- if messages[0]['role'] == 'system' -%}
        {{ messages[0]['content'] | trim }}
        {%- set messages = messages[1:] -%}
    {%- endif -%}
    {{ '<turn|>\n' }}
{%- endif -%}
{%- for message in messages -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<|turn>' + role + '\n' + message['content'] | trim + '<turn|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<|turn>model\n' }}
{%- endif -%}
"""

CHATML_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
    "'<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif "
    "%}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% "
    "endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_TRAINING_TEXT = (
    "Below are numbered excerpts from reviews. Answer the question from these reviews and from "
    "nothing else.",
    "The film is brilliant and the acting works very well [1][2]. The plot is badly done and the "
    "ending drags [3].",
    "The reviews do not say. What they praise: What they criticise: user model system assistant",
)


def tiny_tokenizer(family: str) -> Any:
    """A tokenizer of the family's kind, with the family's special tokens and chat template."""
    return _chatml_tokenizer() if family == "smollm2" else _gemma_tokenizer(family)


def _gemma_tokenizer(family: str) -> Any:
    import transformers
    from tokenizers import Tokenizer, models, normalizers, trainers

    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *byte_tokens],
        initial_alphabet=[chr(code) for code in range(33, 127)] + ["▁", "\n"],
        show_progress=False,
    )
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.train_from_iterator(_TRAINING_TEXT, trainer)
    bpe = json.loads(trained.to_str())["model"]
    turns = (
        ["<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>"]
        if family.startswith("gemma4")
        else ["<start_of_turn>", "<end_of_turn>"]
    )
    templates = {"gemma1": GEMMA_TEMPLATE, "gemma2": GEMMA_TEMPLATE, "gemma3": GEMMA3_TEMPLATE}
    library: Any = transformers
    tokenizer = library.GemmaTokenizer(
        vocab=bpe["vocab"],
        merges=[(left, right) for left, right in bpe["merges"]],
        add_bos_token=True,
        extra_special_tokens=turns,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = templates.get(family.partition("-")[0], GEMMA4_TEMPLATE)
    return tokenizer


def _chatml_tokenizer() -> Any:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(_TRAINING_TEXT, trainer)
    library: Any = transformers
    tokenizer = library.PreTrainedTokenizerFast(
        tokenizer_object=trained,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHATML_TEMPLATE
    return tokenizer


def tiny_config(family: str, vocab_size: int, **changes: Any) -> Any:
    """The family's configuration with 2 layers and a hidden size of 64."""
    import transformers

    library: Any = transformers
    small: dict[str, Any] = {
        "vocab_size": vocab_size,
        # no less, and no odder: a CPU's 4-bit kernels want 64 columns and a multiple of 32 rows
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": MAX_POSITIONS,
    }
    if family in ("gemma2", "gemma3", "gemma3-vision", "gemma4", "gemma4-vision"):
        small |= {"sliding_window": 64, "layer_types": ["sliding_attention", "full_attention"]}
    if family == "gemma2":
        small |= {"query_pre_attn_scalar": 8}
    if family.startswith("gemma4"):
        small |= {
            "vocab_size_per_layer_input": vocab_size,
            "hidden_size_per_layer_input": 64,
            "global_head_dim": 16,
        }
    if family == "smollm2":
        small |= {
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 2,
            "tie_word_embeddings": True,
        }
        small |= {"rope_theta": 100000.0}
    small |= changes
    outer = {key: small[key] for key in ("tie_word_embeddings",) if key in changes}
    if family == "gemma3-vision":
        vision = {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        }
        vision |= {"image_size": 28, "patch_size": 14}
        return library.Gemma3Config(
            text_config=small,
            vision_config=vision,
            mm_tokens_per_image=4,
            image_token_index=vocab_size - 1,
            **outer,
        )
    if family == "gemma4-vision":
        vision = {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        }
        vision |= {"num_key_value_heads": 2, "head_dim": 8, "position_embedding_size": 16}
        return library.Gemma4Config(
            text_config=small,
            vision_config=vision,
            audio_config=None,
            image_token_id=vocab_size - 1,
            video_token_id=vocab_size - 2,
            audio_token_id=vocab_size - 3,
            **outer,
        )
    names = {
        "gemma1": "GemmaConfig",
        "gemma2": "Gemma2Config",
        "gemma3": "Gemma3TextConfig",
        "gemma4": "Gemma4TextConfig",
        "smollm2": "LlamaConfig",
    }
    return getattr(library, names[family])(**small)


def make_tiny_model(
    folder: Path, family: str, *, says: Sequence[str] = (), seed: int = 0, **changes: Any
) -> Path:
    """Write a tiny model of `family` with its tokenizer to `folder`; returns the folder.

    With `says`, every prompt that ends as the chat template ends is answered with those pieces in
    that order (their tokens must all differ, and be 63 at most), then with the last token for ever.
    `changes` go to the (text) configuration.
    """
    import torch
    import transformers

    library: Any = transformers
    tokenizer = tiny_tokenizer(family)
    changes = {"tie_word_embeddings": False, **changes} if says else changes
    torch.manual_seed(seed)
    config = tiny_config(family, len(tokenizer), **changes)
    model = library.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    if says:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": "x"}], tokenize=False, add_generation_prompt=True
        )
        chain = [tokenizer(prompt, add_special_tokens=False).input_ids[-1]]
        for piece in says:
            chain += tokenizer(piece, add_special_tokens=False).input_ids
        _script(model, chain)
    else:
        # Fresh weights are so small that every token is about as likely as every other; spread
        # them, so that a change in the weights shows in the text.
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 2:
                    parameter.normal_(std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _script(model: Any, chain: Sequence[int]) -> None:
    """Make token ``chain[i]`` be followed by ``chain[i + 1]``, whatever came before, and the last
    by itself.
    """
    import torch

    width = model.get_input_embeddings().weight.shape[1]
    if len(set(chain)) != len(chain) or len(chain) > width:
        raise ValueError(
            f"Cannot script {chain}: its tokens must all differ, and there may be {width} at most."
        )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and ".layers." in name:
                # so a layer adds nothing, and what comes out is the last token's embedding
                parameter.zero_()
        embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        embedding.zero_()
        head.zero_()
        for place, (token, following) in enumerate(
            zip(chain, [*chain[1:], chain[-1]], strict=True)
        ):
            embedding[token, place] = 1.0
            head[following, place] = 1.0


def stops(generator: TransformersGenerator) -> list[str]:
    """The tokens that end an answer of `generator`."""
    tokens: list[str] = generator._tokenizer.convert_ids_to_tokens(generator._stop_ids)
    return tokens


def make_tiny_adapter(
    folder: Path,
    model_folder: Path,
    *,
    seed: int = 1,
    targets: Sequence[str] = ("q_proj", "v_proj", "down_proj"),
    new_tokens: int = 0,
) -> Path:
    """Write a LoRA adapter for the model in `model_folder`, with weights that change its output;
    returns `folder`. With `new_tokens` the vocabulary is enlarged by so many.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    if new_tokens:
        rows = base.get_input_embeddings().weight.shape[0]
        base.resize_token_embeddings(rows + new_tokens, mean_resizing=False)
    in_text = rf".*language_model.*\.({'|'.join(targets)})"
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=in_text if hasattr(base.config, "vision_config") else list(targets),
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="`is_gradient_checkpointing` is deprecated"
        )  # peft 0.21
        warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
        model: Any = get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.5)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting `save_embedding_layers` to `True`")
        model.save_pretrained(folder)
    return folder


def save_tiny_cross_encoder(folder: Path, *, outputs: int = 1) -> Path:
    """A cross-encoder of two small layers with random weights and a tokenizer of whole words, in
    `folder`.
    """
    import torch
    from sentence_transformers import CrossEncoder
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"the pool was warm a taxi breakfast room".split()]
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            num_labels=outputs,
        )
    )
    plain = folder.with_name(f"{folder.name}-plain")
    model.save_pretrained(plain)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(plain)
    CrossEncoder(str(plain)).save_pretrained(str(folder))
    return folder


def save_tiny_embedder(folder: Path, words: Sequence[str], *, seed: int = 0) -> Path:
    """A sentence-transformers model of one small layer with random weights, which knows just these
    words.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(words)]
    vocabulary = {word: number for number, word in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(seed)
    model = BertModel(
        BertConfig(
            vocab_size=len(known),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            initializer_range=0.3,
        )
    )
    plain = folder.with_name(f"{folder.name}-plain")
    model.save_pretrained(plain)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(plain)
    transformer = Transformer(str(plain))
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save_pretrained(
        str(folder), create_model_card=False
    )
    return folder
