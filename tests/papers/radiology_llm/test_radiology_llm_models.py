"""Sizes at paper scale, low-rank updates, packing, the loss, prompts and search."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bad_inputs import said
from mlmi2023.core.options import options
from mlmi2023.papers.radiology_llm.losses import next_token_loss, right
from mlmi2023.papers.radiology_llm.model import LanguageModel, build, llama, with_lora
from mlmi2023.papers.radiology_llm.options import Lora, Model, Sizes, Task
from mlmi2023.papers.radiology_llm.packing import IGNORED, pack
from mlmi2023.papers.radiology_llm.prompts import Sequence, prompt_tokens, taught
from mlmi2023.papers.radiology_llm.words import OwnWords, PublishedWords
from mlmi2023.training.loop.weights import load_weights, save_weights
from radiology_llm_data import LORA, NET, TASK

TEXTS = ["No acute process.", "There is a small left pleural effusion.", "Recommend chest CT:\n\n### yes"] * 3
WORDS = OwnWords.learned([*TEXTS, TASK["template"], "the quick brown fox"], 300)


def task(**more):
    return options(Task, {**TASK, **more}, "task")


def model(lora=None, **more):
    torch.manual_seed(0)
    keys = options(Model, {"kind": "learned", "net": {**NET, **more}, "lora": lora}, "model")
    return build(keys, WORDS, "main").eval()


def test_the_paper_s_network_has_its_printed_size_and_lora_4_million():
    with torch.device("meta"):
        net = with_lora(llama(Sizes()), Lora())
    counts = [(p.numel(), p.requires_grad) for p in net.parameters()]
    trained = sum(n for n, learns in counts if learns)
    assert trained == 32 * 2 * 8 * (4096 + 4096) == 4_194_304
    assert sum(n for n, _ in counts) - trained == 6_738_415_616, "LLaMA-7B"
    learned = {name.split(".")[-4] for name, p in net.named_parameters() if p.requires_grad}
    assert learned == {"q_proj", "v_proj"}


def test_updates_start_at_nothing_and_are_alpha_by_r():
    plain, tuned = model(), model(LORA)
    rows = pack([Sequence(tuple(WORDS.encode(TEXTS[1])), 1)], 0, WORDS.pad)
    before = plain(rows.tokens, rows.places, rows.mask)
    assert torch.equal(tuned(rows.tokens, rows.places, rows.mask), before)
    layer = tuned.model.base_model.model.model.layers[0].self_attn.q_proj
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert not b.any() and a.abs().sum() > 0 and a.dtype == torch.float32
    torch.nn.init.ones_(b)
    x = torch.randn(3, NET["width"])
    wanted = layer.base_layer(x) + 4 / 2 * x @ a.T @ b.T
    assert torch.allclose(layer(x), wanted, atol=1e-5)
    assert not torch.equal(tuned(rows.tokens, rows.places, rows.mask), before)


def test_an_unknown_layer_is_one_line():
    said(lambda: model({**LORA, "targets": ["query"]}), "lora.targets", "query")


def test_packed_sequences_answer_as_they_do_alone():
    net = model()
    members = [Sequence(tuple(WORDS.encode(text)), 1) for text in TEXTS[:3]]
    whole = pack(members, 100, WORDS.pad)
    assert len(whole.tokens) == 1, "all in one row"
    logits = net(whole.tokens, whole.places, whole.mask)
    start = 0
    for own in sorted(members, key=lambda one: -len(one.tokens)):
        alone = pack([own], 0, WORDS.pad)
        size = len(own.tokens)
        found = net(alone.tokens, alone.places, alone.mask)
        assert torch.allclose(logits[0, start : start + size], found[0], atol=1e-5)
        start += size
    padded = pack(members, 0, WORDS.pad)
    assert len(padded.tokens) == 3 and (padded.owner == 0).any()
    longest = net(padded.tokens, padded.places, padded.mask)
    assert torch.isfinite(longest).all(), "padding sees itself"
    losses = [next_token_loss(a, b.labels) for a, b in ((logits, whole), (longest, padded))]
    assert torch.allclose(*losses, rtol=1e-5)


def test_labels_are_the_next_tokens_of_the_response_and_its_end():
    own = taught(WORDS, task(), "Do it", TEXTS[1], "No acute process.")
    rows = pack([own, Sequence((5, 6, 7), 1)], 0, WORDS.pad)
    answer = [*WORDS.encode("No acute process."), WORDS.end]
    assert list(own.tokens[own.counted :]) == answer and own.tokens[0] == WORDS.start
    counted = rows.labels[0][rows.labels[0] != IGNORED].tolist()
    assert counted == answer, "the end is learned, the prompt is not"
    at = int((rows.labels[0] != IGNORED).nonzero()[0])
    assert rows.tokens[0, at + 1] == rows.labels[0, at], "shifted by one"
    assert rows.labels[1][:3].tolist() == [6, 7, IGNORED] and (rows.labels[1][3:] == IGNORED).all()
    all_of_it = taught(WORDS, task(loss="all"), "Do it", TEXTS[1], "No acute process.")
    assert all_of_it.counted == 1 and all_of_it.tokens == own.tokens


def test_the_loss_is_the_sum_of_the_negative_logarithms():
    chances = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]])
    labels = torch.tensor([[0, 1, IGNORED]])
    found = float(next_token_loss(chances.log(), labels))
    assert found == pytest.approx(-math.log(0.5) - math.log(0.1), rel=1e-5)
    assert int(right(chances, labels)) == 1


def test_findings_are_cut_and_never_the_impression():
    long = " ".join(["the quick brown fox"] * 200)
    own = taught(WORDS, task(length=60), "Do it", long, "No acute process.")
    assert len(own.tokens) <= 60
    assert WORDS.decode(own.tokens[own.counted :]) == "no acute process."
    assert own.tokens[-1] == WORDS.end
    prompt = prompt_tokens(WORDS, task(length=60), "Do it", long, 10)
    assert len(prompt) == 50 and WORDS.decode(prompt).endswith("response:")
    said(lambda: prompt_tokens(WORDS, task(length=32), "Do it", long, 31), "task.length")


def test_answers_do_not_depend_on_padding_and_end_at_the_end():
    net = model(layers=2)
    prompts = [WORDS.encode(text) for text in TEXTS[:3]]
    together = net.answer(prompts, 8, 1)
    alone = [net.answer([prompt], 8, 1)[0] for prompt in prompts]
    assert together == alone and all(len(own) <= 8 for own in together)
    assert net._until_end([7, 8, WORDS.end, 9]) == [7, 8] and WORDS.pad != WORDS.end
    # the likeliest next token, step by step
    tokens = list(prompts[1])
    for _ in range(len(alone[1])):
        rows = pack([Sequence(tuple(tokens), 1)], 0, WORDS.pad)
        tokens.append(int(net(rows.tokens, rows.places, rows.mask)[0, -1].argmax()))
    assert tokens[len(prompts[1]) :] == alone[1]


def test_words_are_the_same_twice_and_come_back_from_weights():
    again = OwnWords.learned([*TEXTS, TASK["template"], "the quick brown fox"], 300)
    assert np.array_equal(WORDS.stored(), again.stored())
    text = "small left effusion, no acute process:\n\n### yes"
    assert OwnWords.of(WORDS.stored()).decode(WORDS.encode(text)) == text
    assert len(WORDS.encode("xylophone")) > 1, "an unknown word is spelled"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model as published: config, weights, tokenizer."""
    from transformers import PreTrainedTokenizerFast

    place = tmp_path_factory.mktemp("published")
    torch.manual_seed(1)
    llama(options(Sizes, NET, "net"), len(WORDS), WORDS.pad).save_pretrained(place)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=WORDS.tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.save_pretrained(place)
    return place


def published(folder, **more):
    given = {"kind": "learned", "pretrained": {"path": str(folder), **more}, "lora": LORA}
    return build(options(Model, given, "model"), None, "main")


def test_published_weights_are_read_and_only_updates_are_kept(folder, tmp_path):
    net = published(folder, bits=16)
    assert isinstance(net.words, PublishedWords) and net.words.pad != net.words.end
    kinds = {p.dtype for name, p in net.model.named_parameters() if "lora" in name}
    assert kinds == {torch.float32}, "updates have 32 bits"
    assert next(net.model.base_model.model.model.layers[0].mlp.parameters()).dtype == torch.bfloat16
    wanted = load_file(folder / "model.safetensors")["model.embed_tokens.weight"].bfloat16()
    found = net.model.base_model.model.model.embed_tokens.weight
    assert torch.equal(found, wanted)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "lora_B" in name:
                p.fill_(0.5)
    save_weights(net, tmp_path / "weights.safetensors")
    assert all("lora" in name for name in load_file(tmp_path / "weights.safetensors"))
    other = published(folder, bits=16)
    load_weights(other, tmp_path / "weights.safetensors")
    rows = pack([Sequence((5, 6, 7, 8), 1)], 0, net.words.pad)
    answers = [own.eval()(rows.tokens, rows.places, rows.mask) for own in (net, other)]
    assert torch.equal(*answers)
    assert net.answer([[5, 6, 7]], 3, 1) == other.answer([[5, 6, 7]], 3, 1)


def test_what_is_wrong_with_published_weights_is_one_line(folder, tmp_path):
    said(lambda: published(tmp_path), "config.json", "pretrained.path")
    if not torch.cuda.is_available():
        said(lambda: published(folder, bits=8), "pretrained.bits", "CUDA")
    given = {"kind": "learned", "pretrained": {"path": "x", "bits": 8}}
    said(lambda: options(Model, given, "model"), "lora")


def test_a_vocabulary_lies_among_our_own_weights():
    net = model()
    assert isinstance(net, LanguageModel) and "vocabulary" in net.state_dict()
    assert net.trained == sum(p.numel() for p in net.parameters())
    assert model(LORA).trained == 2 * 2 * 2 * NET["width"]
