"""The README.md of an adapter or a merged model: what it is, how it was made, how well it does, how
to use it.
"""

from __future__ import annotations

from typing import Any

from finetune.recipe import Recipe


def model_card(recipe: Recipe, record: dict[str, Any]) -> str:
    """In Markdown, from the record alone."""
    name, merge, loss = recipe.output, record.get("merge"), record.get("held_out_loss") or {}
    kind = "merged model" if merge else "LoRA adapter"
    lines = [
        "---",
        f"base_model: {recipe.base_model}",
        *(["library_name: peft"] if not merge else []),
        f"license: {'apache-2.0' if recipe.licence == 'Apache-2.0' else 'other'}",
        *([] if recipe.licence == "Apache-2.0" else [f"license_name: {recipe.licence}"]),
        "---",
        "",
        f"# {name}",
        "",
        f"{recipe.base_model}, tuned to {_purpose(record)}: a {kind} made with `reviewqa "
        "finetune`.",
        "",
        "| | |",
        "|---|---|",
        f"| base model | {recipe.base_model} ({recipe.licence or 'licence not recorded'}) |",
        f"| examples | {record['sequences']['train']} to train on, "
        f"{record['sequences']['held_out']} held out |",
        f"| steps | {record['steps']}, in {record['seconds'] / 60:.0f} minutes on "
        f"{record['device']} |",
        f"| loss on the examples held out | {_number(loss.get('before'))} before, "
        f"{_number(loss.get('after'))} after |",
        f"| tokens per second | {record['tokens_per_second']:.0f} |",
        f"| most memory | {record['peak_memory_bytes'] / 2**30:.1f} GiB |",
        f"| prompt | {record['template'] or 'none: plain text'} {record['template_hash'][:12]} |",
        f"| data, SHA-256 | {record['data_sha256'][:12]} |",
        "",
    ]
    if merge:
        lines += _merging(name, merge)
    lines += [
        "`training.json` holds the whole recipe, the libraries' versions and the loss at every "
        "step.",
        "",
    ]
    return "\n".join(lines)


def _purpose(record: dict[str, Any]) -> str:
    return {
        "answering": "answer questions from review passages, with citations",
    }.get(record["template"], "continue reviews")


def _merging(name: str, merge: dict[str, Any]) -> list[str]:
    lines = [f"Merged into the {merge['way']} weights, in {merge['dtype']}."]
    known = {way: value for way, value in merge["divergence"].items() if value is not None}
    if known:
        lines += [
            "",
            f"| merged into | KL from the model as trained, nats a token ({merge['examples']} "
            "examples) |",
            "|---|---|",
        ]
        lines += [f"| the {way} weights | {value:.6f} |" for way, value in known.items()]
    return [
        *lines,
        "",
        "## Use",
        "",
        "```sh",
        f'reviewqa ask "What do people like most?" --generator models/{name}',
        "```",
        "",
        "With other programs, in environments of their own (optimum-intel 2.2 wants transformers "
        "below 5.6, and",
        "convert_hf_to_gguf.py comes with llama.cpp). A prompt of another form gives other "
        "answers.",
        "",
        "```sh",
        f"vllm serve models/{name} --served-model-name {name}",
        f"optimum-cli export openvino --model models/{name} {name}-openvino",
        f"python llama.cpp/convert_hf_to_gguf.py models/{name} --outfile {name}.gguf",
        f'printf "FROM ./{name}.gguf\\nPARAMETER temperature 0\\n" > Modelfile && ollama create '
        f"{name} -f Modelfile",
        "```",
        "",
    ]


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
