"""Attention and modules against the printed equations, sizes at the paper's scale, local weights of SAM."""

import pytest
import torch
from safetensors.torch import save_file

from bad_inputs import said
from mlmi2023.papers.pe_med.attention import CrossAttention, theta
from mlmi2023.papers.pe_med.interacting import Clicked
from mlmi2023.papers.pe_med.model import Memory, PeMed
from mlmi2023.papers.pe_med.networks import build
from mlmi2023.papers.pe_med.palm import PalmI, PalmO
from mlmi2023.papers.pe_med.sam import FEATURES
from pe_med_data import NET, SAM, SIZE, SWIN


def clicked(count=2, clicks=1, side=SIZE, previous=0.0):
    torch.manual_seed(1)
    places = torch.randint(4, side - 4, (count, clicks, 2))
    blank = torch.zeros(count, 1, side, side)
    return Clicked(torch.randn_like(blank), places, torch.ones(count, clicks).long(), blank + previous, blank)


def test_attention_divides_by_the_width_and_not_by_its_root():
    query = torch.tensor([[[2.0, 0.0]]])
    key = torch.tensor([[[3.0, 0.0], [0.0, 1.0]]])
    value = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    first = torch.exp(torch.tensor(3.0))  # 2 * 3 / 2 against 0
    torch.testing.assert_close(
        theta(query, key, value)[0, 0], torch.stack([first, first.new_ones(())]) / (first + 1)
    )


def test_keys_come_from_fewer_places():
    ask = CrossAttention(8, 2)
    asking, asked = torch.randn(2, 4, 6, 8), torch.randn(2, 4, 6, 8)
    reduced = ask.norm(ask.reduce(asked.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2))
    assert reduced.shape == (2, 6, 8)
    wanted = theta(ask.query(asking.flatten(1, 2)), ask.key(reduced), ask.value(reduced))
    torch.testing.assert_close(ask(asking, asked), wanted.view(2, 4, 6, 8))


def test_palm_i_is_equations_1_and_2():
    torch.manual_seed(0)
    palm = PalmI(8, 1, skip=False)
    disks, previous = torch.rand(2, 2, 16, 16), torch.rand(2, 1, 16, 16)
    pos = palm.pos(torch.cat([disks[:, :1], previous], 1))
    neg = palm.neg(torch.cat([disks[:, 1:], previous], 1))
    whole = palm.whole.embed(torch.cat([disks, previous], 1))
    pos_, neg_ = palm.ask["to_pos"](neg, pos), palm.ask["to_neg"](pos, neg)
    whole_ = palm.ask["to_self"](whole, whole)
    wanted = palm.ask["from_pos"](pos_, whole_) + palm.ask["from_neg"](neg_, whole_)
    torch.testing.assert_close(palm(disks, previous), wanted)
    palm.skip = True
    assert not torch.allclose(palm(disks, previous), wanted)


def test_to_the_letter_the_first_click_has_no_place():
    disks, blank = torch.zeros(1, 2, 16, 16), torch.zeros(1, 1, 16, 16)
    disks[0, 0, 2:6, 8:12] = 1
    for skip, spread in ((False, 0.0), (True, 0.05)):
        torch.manual_seed(0)
        prompt = PalmI(8, 1, skip)(disks, blank).flatten(1, 2)
        assert (float((prompt - prompt[:, :1]).abs().max()) > max(spread, 1e-5)) == skip


def test_palm_o_is_equation_3():
    torch.manual_seed(0)
    palm = PalmO(8, 2)
    image, prompt = torch.randn(2, 4, 4, 8), torch.randn(2, 4, 4, 8)
    first, second = palm.norms[0](palm.image(image, prompt)), palm.norms[1](palm.prompt(prompt, image))
    torch.testing.assert_close(palm(image, prompt), image + first + prompt + second)


def test_the_memory_is_equation_4():
    torch.manual_seed(0)
    memory = Memory(4)
    logits, last = torch.randn(2, 1, 5, 5), torch.randn(2, 1, 5, 5)
    value = last[1, 0, 2, 3].view(1, 1, 1, 1)
    added = memory(logits, last) - logits
    torch.testing.assert_close(added[1, 0, 2, 3], torch.sigmoid(memory.mlp(value))[0, 0, 0, 0])
    assert float(added.min()) > 0 and float(added.max()) < 1


def test_switches_do_what_they_say():
    plain = {**NET, "palm_i": False, "palm_o": False, "tsip": False}
    nets = {
        name: build({**plain, **{name: True}}, (SIZE, SIZE), 2.0) for name in ("palm_i", "palm_o", "tsip")
    }
    base = build(plain, (SIZE, SIZE), 2.0)
    weights = sum(p.numel() for p in base.parameters())
    assert base.mix is None and base.memory is None
    assert isinstance(nets["palm_i"].prompt, PalmI) and isinstance(nets["palm_o"].mix, PalmO)
    more = {name: sum(p.numel() for p in net.parameters()) - weights for name, net in nets.items()}
    whole = build({**NET, "tsip": True}, (SIZE, SIZE), 2.0)
    assert all(more.values()) and sum(p.numel() for p in whole.parameters()) == weights + sum(more.values())
    assert more["tsip"] == 16 + 16 + 16 + 1
    seen = clicked()
    remembered = seen._replace(memory=seen.memory + 3)
    for name, net in {**nets, "base": base}.items():
        net.eval()
        with torch.no_grad():
            assert torch.equal(net(seen), net(remembered)) == (name != "tsip"), name


@pytest.mark.parametrize("net", [NET, SWIN, SAM], ids=lambda net: net["name"])
def test_answers_have_the_image_s_size_and_follow_clicks_and_masks(net):
    torch.manual_seed(0)
    made = build(net, (SIZE, SIZE), 2.0).eval()
    seen = clicked(clicks=2)
    with torch.no_grad():
        found = made(seen)
        other = made(seen._replace(signs=1 - seen.signs))
        moved = made(seen._replace(places=seen.places.flip(1).flip(-1)))
        masked = made(seen._replace(previous=seen.previous + 1, memory=seen.memory + 1))
    assert found.shape == (2, 1, SIZE, SIZE)
    for name, changed in (("signs", other), ("places", moved), ("masks", masked)):
        assert not torch.allclose(found, changed, atol=1e-6), name


def stage(inputs, width, layers, reduction, patch):
    """Weights of a stage of a Mix Transformer: embedding, attention, reduction, Mix-FFN, norms."""
    embed = patch**2 * inputs * width + width + 2 * width
    reduced = (reduction * width) ** 2 + 3 * width if reduction > 1 else 0
    perceptron = 2 * 4 * width**2 + 4 * width + width + (9 + 1) * 4 * width
    return embed + layers * (4 * (width**2 + width) + reduced + perceptron + 4 * width) + 2 * width


def test_sizes_of_the_paper():
    with torch.device("meta"):
        net, swin = PeMed(), build({"name": "isegformer"}, (224, 224), 5.0)
    count = sum(p.numel() for p in net.encoder.parameters())
    wanted = sum(
        stage(*sizes)
        for sizes in ((1, 64, 3, 8, 7), (64, 128, 4, 4, 3), (128, 320, 18, 2, 3), (320, 512, 3, 1, 3))
    )
    assert count == wanted and count + 2 * 49 * 64 == 44_072_128, "MiT-B3 has 44.1 million with three colours"
    rest = sum(p.numel() for p in net.parameters()) - count
    attention = 3 * (64 * 64 + 64) + 64 * 64 * 8 * 8 + 64 + 2 * 64
    prompts = sum(16 * inputs * 64 + 64 + 2 * 64 for inputs in (2, 2, 3))
    decoder = 256 * (64 + 128 + 320 + 512) + 4 * 3 * 256 + 4 * 256 * 256 + 256 + 256 + 1
    assert rest == 7 * attention + prompts + 2 * 2 * 64 + decoder + 49
    assert [stage.layer_norm.normalized_shape[0] for stage in net.encoder.stages] == [64, 128, 320, 512]
    blocks = sum(
        p.numel() for p in [*swin.embed.parameters(), *swin.stages.parameters(), *swin.merge.parameters()]
    )
    # Swin-B without its last norm and classifier, and one colour of three
    assert blocks == 86_743_224 - 2 * 1024 - 2 * 16 * 128


def test_sam_is_read_from_a_local_file(tmp_path):
    torch.manual_seed(0)
    published = build(SAM, (SIZE, SIZE), 2.0).eval()
    state = published.sam.state_dict()
    state.pop(FEATURES[1])  # as transformers publishes it, which ties both
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "model.safetensors")
    torch.manual_seed(5)
    keys = {**SAM, "pretrained": {"path": str(tmp_path / "model.safetensors")}}
    loaded = build(keys, (SIZE, SIZE), 2.0).eval()
    seen = clicked(clicks=3)
    with torch.no_grad():
        torch.testing.assert_close(loaded(seen), published(seen))
    said(lambda: build({**keys, "mlp": 24}, (SIZE, SIZE), 2.0), "model.safetensors", "'net'")
    keys["pretrained"] = {"path": str(tmp_path / "none.safetensors")}
    said(lambda: build(keys, (SIZE, SIZE), 2.0), "no such file")


def test_an_untrained_sam_hears_what_a_click_says():
    torch.manual_seed(0)
    net = build({**SAM, "hidden": 48, "width": 64}, (SIZE, SIZE), 2.0).eval()
    seen = clicked()
    with torch.no_grad():
        on, off = net(seen), net(seen._replace(signs=torch.zeros_like(seen.signs)))
    # with the spreads that transformers gives to networks of any width: 0.0001, and some hundredths or less
    assert on.std() > 1e-3
    assert (on - off).std() > 0.05 * on.std()


def test_sam_chooses_among_three_masks_after_the_first_click_alone():
    torch.manual_seed(0)
    net = build({**SAM, "multimask": True}, (SIZE, SIZE), 2.0).eval()
    asked = []
    net.sam.register_forward_hook(lambda module, args, keys, out: asked.append((keys, out)), with_kwargs=True)
    with torch.no_grad():
        first = net(clicked(clicks=1))
        net(clicked(clicks=2))
    keys, out = asked[0]
    assert out.pred_masks.shape[2] == 3 and keys["input_masks"] is None
    best = out.pred_masks[torch.arange(2), 0, out.iou_scores[:, 0].argmax(1)]
    wanted = torch.nn.functional.interpolate(
        best[:, None], size=(SIZE, SIZE), mode="bilinear", align_corners=False
    )
    torch.testing.assert_close(first, wanted)
    keys, out = asked[1]
    assert out.pred_masks.shape[2] == 1 and keys["input_masks"].shape == (2, 1, 16, 16)
    seen = clicked(clicks=2)
    # pixel centres of 32 among those of 64, x before y
    torch.testing.assert_close(keys["input_points"][:, 0], 2 * seen.places.flip(-1).float() + 0.5)
