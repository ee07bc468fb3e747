"""The transformers generator on tiny models of the real families."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.generators.base import Truncated
from rag.generators.loading import problem_of
from rag.generators.text_pieces import TextPieces
from rag.generators.transformers import TransformersGenerator, prompt_ids
from rag.schema import GeneratorError, ModelError
from tests.tiny_models import (
    COMPOSITE_FAMILIES,
    FAMILIES,
    MAX_POSITIONS,
    TURN_END,
    make_tiny_adapter,
    make_tiny_model,
    stops,
    tiny_tokenizer,
)

MESSAGES = [{"role": "user", "content": "Is the film good?\nSay why — 日本."}]
GEMMAS = [family for family in FAMILIES + COMPOSITE_FAMILIES if family.startswith("gemma")]


def answer(generator: TransformersGenerator, max_new_tokens: int = 24) -> str:
    return "".join(generator.stream(MESSAGES, max_new_tokens=max_new_tokens))


def watch_prompts(generator: TransformersGenerator) -> list[list[int]]:
    """A list that receives the ids of every first step of an answer, as the model gets them."""
    fed: list[list[int]] = []

    def record(_module: object, _args: object, kwargs: dict[str, Any]) -> None:
        if (ids := kwargs["input_ids"]).shape[1] > 1:
            fed.append(ids[0].tolist())

    generator._model.register_forward_pre_hook(record, with_kwargs=True)
    return fed


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> TransformersGenerator:
    """A model that never stops of itself."""
    folder = make_tiny_model(tmp_path_factory.mktemp("endless"), "gemma1", says=("Fine ", "q"))
    return TransformersGenerator(str(folder))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of random weights."""
    return make_tiny_model(tmp_path_factory.mktemp("plain"), "gemma2", tie_word_embeddings=False)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, plain: Path) -> Path:
    return make_tiny_adapter(tmp_path_factory.mktemp("adapter"), plain)


def test_importing_is_instant() -> None:
    modules = "rag.generators.transformers, rag.generators.openai, rag.generators.bundled"
    heavy = "{'torch', 'transformers', 'peft', 'openai'}"
    code = f"import sys, {modules}; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("family", FAMILIES + COMPOSITE_FAMILIES)
def test_every_family_answers_and_stops_at_the_end_of_its_turn(family: str, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny", family, says=("Fine [1].", TURN_END[family], "QZ"))
    generator = TransformersGenerator(str(folder))
    fed = watch_prompts(generator)
    pieces = list(generator.stream(MESSAGES, max_new_tokens=24))
    assert "".join(pieces) == "Fine [1]."
    assert len(pieces) > 1
    assert TURN_END[family] in stops(generator)
    assert generator.name == "tiny"
    assert generator.count_tokens(MESSAGES) == len(fed[0])
    text = generator._tokenizer.decode(fed[0])
    assert MESSAGES[0]["content"] in text
    if family in GEMMAS:
        assert "<eos>" in stops(generator)
        assert text.startswith("<bos><") and text.count("<bos>") == 1


@pytest.mark.parametrize("family", ["gemma3", "gemma4"])
def test_stops_at_the_tokenizers_eos(family: str, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, family, says=("Fine [1].", "<eos>", "QZ"))
    assert answer(TransformersGenerator(str(folder))) == "Fine [1]."


def test_stops_where_the_generation_config_says(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, "gemma1", says=("Fine [1].", "QZ"))
    extra = tiny_tokenizer("gemma1").convert_tokens_to_ids("Q")
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [1, extra], "do_sample": True})
    )
    generator = TransformersGenerator(str(folder))
    assert stops(generator) == ["<eos>", "Q", "<end_of_turn>"]
    assert "".join(generator.stream(MESSAGES, max_new_tokens=24)).startswith("Fine [1].")
    assert "Z" not in answer(generator)


def test_thoughts_are_not_shown(tmp_path: Path) -> None:
    says = ("<|channel>", "why", "<channel|>", "Fine [1].", "<turn|>", "QZ")
    folder = make_tiny_model(tmp_path, "gemma4", says=says)
    assert answer(TransformersGenerator(str(folder))) == "Fine [1]."


def test_no_half_characters(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, "gemma1", says=("a日é!", "<eos>"))
    generator = TransformersGenerator(str(folder))
    assert list(generator.stream(MESSAGES, max_new_tokens=24)) == ["a", "日", "é", "!"]
    assert answer(generator, max_new_tokens=3) == "a"


@pytest.mark.parametrize("family", ["gemma1", "smollm2"])
def test_pieces_are_the_whole_text(family: str) -> None:
    tokenizer = tiny_tokenizer(family)

    @settings(max_examples=60, deadline=None)
    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def check(text: str) -> None:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        pieces = TextPieces(tokenizer)
        joined = "".join([*(pieces.add(token) for token in ids), pieces.rest()])
        assert joined.rstrip("\ufffd") == tokenizer.decode(ids, skip_special_tokens=True).rstrip(
            "\ufffd"
        )

    check()


def test_one_bos_where_the_template_writes_none(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("gemma1")
    tokenizer.chat_template = tokenizer.chat_template.replace("{{ bos_token }}", "")
    ids = prompt_ids(tokenizer, MESSAGES)
    assert ids[0] == tokenizer.bos_token_id
    assert ids == prompt_ids(tiny_tokenizer("gemma1"), MESSAGES)


def test_without_a_chat_template_the_prompt_is_plain_text(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("gemma1")
    tokenizer.chat_template = None
    assert (
        tokenizer.decode(prompt_ids(tokenizer, MESSAGES))
        == f"<bos>{MESSAGES[0]['content']}\n\nAnswer:\n"
    )


def test_a_template_that_refuses_is_a_plain_error() -> None:
    system = [{"role": "system", "content": "Be brief."}, *MESSAGES]
    with pytest.raises(
        GeneratorError, match="chat template refuses these messages: System role not supported"
    ):
        prompt_ids(tiny_tokenizer("gemma1"), system)


def test_a_template_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.generators.chat_template._TEMPLATE_S", 0.3)
    tokenizer = tiny_tokenizer("gemma1")
    loops = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    tokenizer.chat_template = loops
    before = threads()
    with pytest.raises(GeneratorError, match=r"did not come to an end within 0\.3 s"):
        prompt_ids(tokenizer, MESSAGES)
    assert threads() <= before


@pytest.mark.parametrize("ends", [True, False])
def test_an_answer_that_was_cut_off_says_so(ends: bool, tmp_path: Path) -> None:
    says = ("Fine [1].", TURN_END["gemma1"], "QZ") if ends else ("Fine ", "q")
    generator = TransformersGenerator(str(make_tiny_model(tmp_path, "gemma1", says=says)))
    pieces = list(generator.stream(MESSAGES, max_new_tokens=24))
    assert isinstance(pieces[-1], Truncated) != ends
    assert not any(isinstance(piece, Truncated) for piece in pieces[:-1])


def test_threads_may_count_and_answer_at_once(endless: TransformersGenerator) -> None:
    expected = endless.count_tokens(MESSAGES)
    failures: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(30):
                assert endless.count_tokens(MESSAGES) == expected
            assert answer(endless, 8).startswith("Fine q")
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_cancelling_stops_the_work(endless: TransformersGenerator) -> None:
    before = threads()
    cancel = threading.Event()
    pieces = endless.stream(MESSAGES, max_new_tokens=MAX_POSITIONS, cancelled=cancel.is_set)
    assert next(pieces)
    cancel.set()
    assert len(list(pieces)) <= 1
    assert threads() <= before
    assert answer(endless, max_new_tokens=8).startswith("Fine q")


def test_closing_the_iterator_stops_the_work(endless: TransformersGenerator) -> None:
    before = threads()
    pieces = endless.stream(MESSAGES, max_new_tokens=MAX_POSITIONS)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert threads() <= before


def test_cancelling_does_not_wait_for_the_prompt_to_be_read(tmp_path: Path) -> None:
    generator = TransformersGenerator(str(make_tiny_model(tmp_path, "gemma1")))
    cancel = threading.Event()
    reached: list[int] = []
    first, second = generator._model.model.layers

    def slow(*_: object) -> None:
        cancel.set()
        assert generator._stop.wait(20)

    first.register_forward_hook(slow)
    second.register_forward_hook(lambda *_: reached.append(1))
    assert list(generator.stream(MESSAGES, max_new_tokens=8, cancelled=cancel.is_set)) == []
    assert reached == []


def test_answers_at_the_same_time_wait_for_each_other(endless: TransformersGenerator) -> None:
    answers: list[str] = []
    workers = [
        threading.Thread(target=lambda: answers.append(answer(endless, 20))) for _ in range(3)
    ]
    paused = endless.stream(MESSAGES, max_new_tokens=5)
    next(paused)  # a reader who has paused must not hold the others up
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(answers) == 3 and len(set(answers)) == 1
    assert list(paused)


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (RuntimeError("no kernel\nfor this"), "failed while answering: RuntimeError: no kernel$"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            "ran out of memory. Set generator.max_prompt_tokens",
        ),
        (MemoryError(), "ran out of memory"),
    ],
)
def test_an_error_in_the_thread_reaches_the_reader(
    raised: Exception, message: str, endless: TransformersGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise raised

    monkeypatch.setattr(endless._model, "generate", fail)
    with pytest.raises(GeneratorError, match=message):
        answer(endless)
    monkeypatch.undo()
    assert answer(endless, 4)


def test_a_prompt_that_is_too_long(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, "gemma1", says=("Fine ", "q"), max_position_embeddings=100)
    generator = TransformersGenerator(str(folder))
    long = [{"role": "user", "content": "#" * 200}]
    with pytest.raises(
        GeneratorError, match=rf"is {generator.count_tokens(long)} tokens long .* at most 100\."
    ):
        next(generator.stream(long, max_new_tokens=8))
    room = 100 - generator.count_tokens(MESSAGES)
    written = answer(generator, max_new_tokens=1000)
    assert len(generator._tokenizer(written, add_special_tokens=False).input_ids) == room


def test_an_adapter_changes_the_answers_and_merging_keeps_them(
    plain: Path, adapter: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel

    base = TransformersGenerator(str(plain))
    tuned = TransformersGenerator(str(plain), adapter=str(adapter))
    assert isinstance(tuned._model, PeftModel)
    assert tuned.name == f"{plain.name} (adapter {adapter.name})"
    told = answer(tuned)
    assert told and told != answer(base)

    with torch.no_grad():
        ids = torch.tensor([prompt_ids(tuned._tokenizer, MESSAGES)])
        expected = tuned._model(ids).logits
        tuned._model.merge_and_unload().save_pretrained(tmp_path)
        tuned._tokenizer.save_pretrained(tmp_path)
        merged = TransformersGenerator(str(tmp_path))
        # rounding alone differs by 1e-4 between CPUs; the adapter moves the logits by more than 1
        assert torch.allclose(merged._model(ids).logits, expected, atol=1e-3)
        assert (base._model(ids).logits - expected).abs().max() > 1
        assert not torch.allclose(base._model(ids).logits, expected, atol=0.1)
    assert answer(merged) == told


def test_four_bits(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny", "gemma1", says=("Fine [1].", "<end_of_turn>", "QZ"))
    generator = TransformersGenerator(str(folder), quantization="4bit")
    assert generator.name == "tiny (4-bit)"
    assert any(type(module).__name__ == "Linear4bit" for module in generator._model.modules())
    assert answer(generator) == "Fine [1]."
    adapter = make_tiny_adapter(tmp_path / "adapter", folder)
    assert answer(TransformersGenerator(str(folder), quantization="4bit", adapter=str(adapter)))


def test_the_name_can_be_given(plain: Path) -> None:
    assert TransformersGenerator(str(plain), name="my model").name == "my model"


def test_dtype(plain: Path) -> None:
    import torch

    assert TransformersGenerator(str(plain), device="cpu")._model.dtype == torch.float32
    generator = TransformersGenerator(str(plain), dtype="bfloat16", device="cpu")
    assert generator._model.dtype == torch.bfloat16
    assert answer(generator)


# --- models that cannot be loaded


@pytest.fixture
def damaged(plain: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of a good model folder, to be spoilt."""
    for file in plain.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    yield tmp_path


def refused(model: Path | str, message: str, **options: str) -> None:
    with pytest.raises(ModelError, match=message):
        TransformersGenerator(str(model), **options)


def test_missing_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "There is no model folder .*nowhere")
    refused(tmp_path, "is not a model folder: it has no config.json")


def test_unreachable_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(
        "no-such-owner/no-such-model",
        "no-such-owner/no-such-model.*not in the local hub cache.*HF_HUB_OFFLINE",
    )


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        ("GatedRepoError", "behind a licence: accept it at https://huggingface.co/a/b"),
        ("RepositoryNotFoundError", 'The hub has no model "a/b"'),
    ],
)
def test_what_the_hub_refuses(cause: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: str) -> None:
        # transformers wraps the hub's error in an OSError
        raise OSError("You are trying to access something") from type(cause, (Exception,), {})()

    monkeypatch.setattr("rag.generators.loading.load_tokenizer", fail)
    refused("a/b", message)


def test_pickled_weights_are_refused(damaged: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(damaged / "model.safetensors"), damaged / "pytorch_model.bin")
    (damaged / "model.safetensors").unlink()
    refused(damaged, "no weights in safetensors format, and pickle files")


def test_cut_weights(damaged: Path) -> None:
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    refused(damaged, "weights of .* are damaged")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"num_hidden_layers": 2', '"num_hidden_layers": 3', "lack 1[0-9] tensors .* not complete"),
        ('"intermediate_size": 64', '"intermediate_size": 32', "damaged: their shapes are not"),
        ('"model_type": "gemma2"', '"model_type": "vit"', "Cannot load the model"),
        (
            '"model_type": "gemma2"',
            '"auto_map": {"AutoConfig": "x.Y"}',
            "needs program code of its own",
        ),
        ("{", "", "not a valid JSON file"),
    ],
)
def test_configurations_that_do_not_fit(old: str, new: str, message: str, damaged: Path) -> None:
    config = damaged / "config.json"
    text = config.read_text()
    assert old in text
    config.write_text(
        text.replace(old, new, 1).replace(
            '"full_attention"\n', '"full_attention", "full_attention"\n'
        )
    )
    if "num_hidden_layers" not in old:
        config.write_text(text.replace(old, new, 1))
    refused(damaged, message)


def test_missing_tokenizer(damaged: Path) -> None:
    (damaged / "tokenizer.json").unlink()
    refused(damaged, "has no tokenizer")


def test_adapters_that_do_not_fit(plain: Path, adapter: Path, tmp_path: Path) -> None:
    refused(adapter, "is an adapter, not a model")
    refused(
        plain,
        "not a usable LoRA adapter folder: it has no adapter_config.json",
        adapter=str(tmp_path),
    )
    smaller = make_tiny_model(tmp_path / "smaller", "gemma2", hidden_size=16)
    refused(smaller, "does not fit this model", adapter=str(adapter))
    deeper = make_tiny_model(tmp_path / "deeper", "gemma1", num_hidden_layers=3)
    refused(deeper, "does not fit this model", adapter=str(adapter))
    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    refused(plain, "has no adapter_model.safetensors.*pickle", adapter=str(tmp_path))


# --- a quick look at a model folder


def test_a_whole_model_has_no_problem(plain: Path) -> None:
    assert problem_of(plain) == ""


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("config.json", b"{", "cannot be read"),
        ("config.json", b"[]", "does not say what model"),
        ("config.json", None, "no config.json"),
        ("tokenizer.json", None, "no tokenizer"),
        ("tokenizer.json", b"{", "cannot be read"),
        ("model.safetensors", None, "no weights"),
        ("model.safetensors", b"", "not whole"),
        ("model.safetensors", b"\xff" * 100, "not whole"),
        (
            "model.safetensors.index.json",
            b'{"weight_map": {"a": "b.safetensors"}}',
            "b.safetensors",
        ),
        ("model.safetensors.index.json", b"{}", "cannot be read"),
    ],
)
def test_a_spoilt_model_has_one(
    file: str, content: bytes | None, problem: str, damaged: Path
) -> None:
    if content is None:
        (damaged / file).unlink()
    else:
        (damaged / file).write_bytes(content)
    assert problem in problem_of(damaged)


def test_cut_weights_are_a_problem(damaged: Path) -> None:
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert problem_of(damaged) == "its weights file model.safetensors is not whole"
