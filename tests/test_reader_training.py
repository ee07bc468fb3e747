"""What the reader is trained on, and how it is measured."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from finetune.reader import CARD, WEIGHTS, build
from finetune.reader.calibration import shift_mixed
from finetune.reader.decoder import DecoderRecipe
from finetune.reader.distillation import Distillation
from finetune.reader.evaluation import claim_report, reliability, share
from finetune.reader.examples import (
    HELD_OUT_THINGS,
    Example,
    own_claims,
    read_contrasts,
    read_things,
    split_examples,
)
from finetune.reader.stance_head import FILE
from finetune.reader.synthetic import faithful, flipped, synthetic_pairs
from finetune.reader.training import ReaderRecipe, Round, loss_of
from rag.reader.base import STANCES
from rag.reader.bundled import BundledReader
from rag.reader.heads import HEADS
from rag.reader.network import ReaderNetwork
from tests.tiny_models import make_tiny_model

KINDS = {
    "faithful": "entailed",
    "flip": "contradicted",
    "alter": "contradicted",
    "addition": "not_stated",
    "topic": "not_stated",
}


# --- the texts that were written


def test_every_claim_rests_on_sentences_that_are_there() -> None:
    things = read_things()
    assert len(things) == 16 and sum(len(thing.sentences) for thing in things) >= 4000
    for thing in things:
        for claim in thing.claims:
            assert claim["label"] == KINDS[claim["kind"]]
            assert 1 <= len(claim["premise"]) <= 4
            assert all(sentence in thing.sentences for sentence in claim["premise"])
        for question in thing.questions:
            assert {*question["yes"], *question["no"]} <= thing.sentences.keys()
            assert not {*question["yes"]} & {*question["no"]}
        for row in thing.sentences.values():
            assert {row["stance"], *row["aspects"].values()} <= {*STANCES}


def test_claims_are_no_template() -> None:
    contrasts = read_contrasts()
    claims = [claim.second for claim in own_claims(read_things())]
    claims += [claim for row in contrasts for kind in KINDS for claim in row[kind]]
    beginnings = Counter(" ".join(claim.lower().split()[:4]) for claim in claims)
    repeated = sum(count for count in beginnings.values() if count > 1)
    assert len(claims) > 20_000
    assert repeated / len(claims) <= REPEATED_BEGINNINGS


REPEATED_BEGINNINGS = 0.1  # of 29,000; of the claims over the things alone, 2%


def test_claims_over_the_things_share_few_beginnings() -> None:
    claims = [claim.second for claim in own_claims(read_things())]
    beginnings = Counter(" ".join(claim.lower().split()[:4]) for claim in claims)
    assert sum(count for count in beginnings.values() if count > 1) / len(claims) <= 0.02


def test_what_is_held_out_is_not_trained_on() -> None:
    examples, held_out = split_examples(None)
    for head in HEADS:
        assert len(held_out[head]) > 300
        trained = {
            (row.first, row.second) for row in examples[head] if row.source != "made by rule"
        }
        both = [row for row in held_out[head] if (row.first, row.second) in trained]
        assert len(both) <= len(held_out[head]) // 100  # two people may well write the same
    assert {thing.name for thing in read_things()} > {*HELD_OUT_THINGS}


# --- claims made by rule


def test_pairs_made_by_rule_are_of_every_kind_and_the_same_each_time() -> None:
    sentences = [
        "The staff were friendly, but the room was really small.",
        "We waited 40 minutes for Maria at the desk.",
        "The breakfast was very good and the coffee was hot.",
        "It is not worth the money, although the view is great.",
    ] * 10
    pairs = synthetic_pairs([sentences], random.Random(1))
    assert pairs == synthetic_pairs([sentences], random.Random(1))
    assert {kind for _, _, _, kind in pairs} == {
        "faithful",
        "two clauses",
        "flip",
        "alter",
        "addition",
        "topic",
    }
    assert all(evidence != claim for evidence, claim, _, _ in pairs)


@pytest.mark.parametrize(
    ("sentence", "opposites"),
    [
        ("The room was clean.", {"The room was dirty.", "The room was not clean."}),
        ("It is not worth it.", {"It is worth it.", "It is not unworthy it."}),
        ("There is no lift.", {"There is a lot of lift."}),
    ],
)
def test_flipped(sentence: str, opposites: set[str]) -> None:
    assert {flipped(sentence, random.Random(seed)) for seed in range(20)} <= opposites


def test_what_cannot_be_flipped_is_not() -> None:
    assert flipped("Tram to town.", random.Random(0)) is None


def test_faithful_claims_speak_of_the_reviewer() -> None:
    said = {faithful("I love my room.", random.Random(seed)) for seed in range(40)}
    assert any("the reviewer" in claim.lower() for claim in said)
    assert all(claim.endswith(".") for claim in said)


# --- training and measuring


def test_not_entailed_is_either_of_two_labels() -> None:
    import torch

    logits = torch.tensor([[-9.0, 9.0, -9.0]])
    assert float(loss_of(logits, ["not_entailed"], "support")) < 0.01
    assert float(loss_of(logits, ["contradicted"], "support")) < 0.01
    assert float(loss_of(logits, ["not_stated"], "support")) > 5


def test_a_reader_is_trained_taught_saved_and_read_again(tmp_path: Path) -> None:
    shares = (("support", 0.4), ("answers", 0.3), ("stance", 0.3))
    once = Round(pairs=64, encoder_rate=1e-4, head_rate=1e-3, shares=shares)
    recipe = ReaderRecipe(rounds=(once, once), rank=4)
    soft = Round(pairs=64, encoder_rate=1e-4, head_rate=1e-3, shares=(("soft support", 1.0),))
    taught = Distillation(
        model=make_tiny_model(tmp_path / "tiny", "smollm2"),
        teacher=DecoderRecipe(round=once, batch_size=32),
        round=soft,
        batch_size=32,
    )
    output = tmp_path / "reader"
    built = build(output, None, recipe, distillation=taught, most=64)
    assert {path.name for path in output.iterdir()} == {CARD, WEIGHTS, FILE}
    card = json.loads((output / CARD).read_text())
    assert [each["pairs"] for each in card["recipe"]["rounds"]] == [64, 64]
    assert card["held_out"]["support"] == 64
    assert card["teacher"]["model"] == "tiny" and card["teacher"]["licence"] == "Apache-2.0"
    assert card["teacher"]["pairs without labels"]["support"] == 64
    assert built.claims.area["all"].n > 0
    reader = BundledReader(output / WEIGHTS)
    (support,) = reader.support([(["It is loud."], "It is loud.")])
    assert 0 <= support.entailed <= 1


def test_mixed_is_shifted_to_where_most_held_out_stances_are_right() -> None:
    import torch

    network, tokenizer = ReaderNetwork.untrained()
    last = network.eval().heads["stance"][-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([1.0, 0.0, 0.55, 0.0]))
    both = Example("", "Good rooms, bad food.", "mixed")
    rows = [both, both, Example("", "Good rooms.", "praise")]
    assert shift_mixed(network, tokenizer, rows) == pytest.approx(0.5)
    assert last.bias.tolist() == pytest.approx([1.0, 0.0, 1.05, 0.0])
    assert shift_mixed(network, tokenizer, rows) == 0  # nothing makes more of them right


def test_areas_and_what_is_stopped() -> None:
    claims = [Example("p", "c", "entailed")] * 20 + [Example("p", "c", "contradicted", "flip")] * 10
    scores = np.array([0.9] * 19 + [0.1] + [0.5] * 9 + [0.95])
    report = claim_report(scores, claims)
    assert report.area["flip"].value == pytest.approx((19 * 9 + 0 * 9) / 200)
    assert report.stopped["all"].value == pytest.approx(0.9)
    assert report.stopped["flip"].n == 10


def test_shares_have_wilson_intervals() -> None:
    figure = share([True] * 9 + [False])
    assert (figure.value, figure.n) == (0.9, 10)
    assert figure.low == pytest.approx(0.596, abs=0.001)
    assert figure.high == pytest.approx(0.982, abs=0.001)


def test_reliability_bins() -> None:
    rows = reliability(np.array([0.05, 0.95, 1.0]), np.array([False, True, True]))
    assert [round(mean, 3) for mean, _, _ in rows] == [0.05, 0.975]
    assert [(hit, count) for _, hit, count in rows] == [(0.0, 1), (1.0, 2)]
