"""SPPNet against transformers' own SAM, printed numbers of weights and multiplications, and its switches."""

import pytest
import torch
from safetensors.torch import save_file
from transformers import SamModel

from bad_inputs import said
from mlmi2023.core.options import options
from mlmi2023.papers.sppnet.costs import counted
from mlmi2023.papers.sppnet.model import SPPNet
from mlmi2023.papers.sppnet.networks import build, start_from
from mlmi2023.papers.sppnet.options import Sppnet
from mlmi2023.papers.sppnet.sam import configuration, decoded, wide_positions
from mlmi2023.papers.sppnet.seen import Seen
from mlmi2023.papers.sppnet.tiny_vit import Block, TinyViT
from sppnet_data import NET, SIZE, TINY, VIT

WHOLE = {"name": "sppnet", "encoder": {"name": "tiny_vit"}}


def seen(count=2):
    torch.manual_seed(1)
    image = torch.randn(count, 3, 4 * SIZE, 4 * SIZE)
    points = torch.rand(count, 2, 2) * 4 * SIZE
    low = torch.nn.functional.avg_pool2d(image, 4)
    return Seen(image, low, points, torch.tensor([[1, 0]] * count))


def net(**more):
    torch.manual_seed(0)
    return build({**NET, **more}, SIZE).eval()


def test_the_printed_costs_are_found():
    found = {block: counted({**WHOLE, "block": block}, 256) for block in (None, "llsie", "unet", "stem")}
    weights = {block: own["weights"] / 1e6 for block, own in found.items()}
    # printed: 9.78, 9.79, 9.80 and 9.81 million
    for block, printed in ((None, 9.78), ("llsie", 9.79), ("unet", 9.80), ("stem", 9.81)):
        assert weights[block] == pytest.approx(printed, abs=0.03)
    # printed: 39.90, 40.41 and 41.02 against 39.73 thousand million without a block
    more = {b: (own["multiplications"] - found[None]["multiplications"]) / 1e9 for b, own in found.items()}
    assert (
        more["llsie"]
        == pytest.approx((27 * 32 + 9 * 32 + 32 * 32) * 256**2 / 1e9)
        == pytest.approx(0.17, abs=0.03)
    )
    assert more["unet"] == pytest.approx(0.68, abs=0.03) and more["stem"] == pytest.approx(1.29, abs=0.04)
    assert found[None]["multiplications"] / 1e9 == pytest.approx(39.73, rel=0.03)


def test_the_encoder_and_the_decoder_have_their_published_sizes():
    with torch.device("meta"):
        whole = build(WHOLE, 256)
        image = torch.zeros(1, 3, 1024, 1024)
        assert whole.encoder(image).shape == (1, 256, 64, 64)
    # SAM's decoder and prompt encoder have 4.06 million weights
    rest = sum(p.numel() for part in (whole.prompts, whole.decoder) for p in part.parameters())
    assert rest / 1e6 == pytest.approx(4.06, abs=0.01)
    assert whole.low.head.out_channels == 32


def test_the_decoder_is_sams_own_where_nothing_is_added():
    made = net(block=None)
    batch = seen()
    embedding = made.encoder(batch.image)
    sparse, dense = made.prompts(batch.points[:, None], batch.labels[:, None], None, None)
    with torch.no_grad():
        wanted, _ = made.decoder(
            embedding, wide_positions(made.prompts).expand(2, -1, -1, -1), sparse, dense, False
        )
        found = made(batch)
    torch.testing.assert_close(found, wanted[:, 0])


def test_positions_and_embeddings_are_those_of_transformers_sam():
    keys = options(Sppnet, {**NET, "encoder": VIT, "block": None}, "config", "net")
    sam = SamModel(configuration(keys, 4 * SIZE)).eval()
    made = SPPNet(keys, SIZE).eval()
    made.encoder.vision.load_state_dict(sam.vision_encoder.state_dict())
    made.prompts.load_state_dict(sam.prompt_encoder.state_dict())
    made.decoder.load_state_dict(sam.mask_decoder.state_dict())
    batch = seen()
    with torch.no_grad():
        wanted = sam(
            pixel_values=batch.image,
            input_points=batch.points[:, None],
            input_labels=batch.labels[:, None],
            multimask_output=False,
        ).pred_masks
        found = made(batch)
    torch.testing.assert_close(found, wanted[:, 0], rtol=1e-4, atol=1e-5)


def test_low_level_features_are_added_before_the_product():
    made, batch = net(), seen()
    with torch.no_grad():
        embedding, low = made.encoder(batch.image), made.features(batch)
        parts = {}

        def keep(upscaled, weights):
            parts["upscaled"], parts["weights"] = upscaled, weights
            return upscaled

        decoded(made.decoder, made.prompts, embedding, batch.points, batch.labels, keep)
        wanted = ((parts["upscaled"] + low) * parts["weights"][:, :, None, None]).sum(1, keepdim=True)
        torch.testing.assert_close(made(batch), wanted)
        assert low.shape == parts["upscaled"].shape == (2, 4, SIZE, SIZE)


@pytest.mark.parametrize(
    "more", [{"block": "unet"}, {"block": "stem"}, {"fusion": "concat"}, {"block": None}]
)
def test_switches_change_the_answer_and_not_its_shape(more):
    batch = seen()
    with torch.no_grad():
        plain, other = net()(batch), net(**more)(batch)
    assert plain.shape == other.shape == (2, 1, SIZE, SIZE)
    assert not torch.allclose(plain, other)


def test_points_matter_and_so_do_their_labels():
    made, batch = net(), seen()
    with torch.no_grad():
        plain = made(batch)
        assert not torch.allclose(plain, made(batch._replace(points=batch.points.flip(1))))
        assert not torch.allclose(plain, made(batch._replace(labels=1 - batch.labels)))


def test_attention_stays_within_its_window():
    torch.manual_seed(0)
    block = Block(8, 2, 4).eval()
    block.local_conv = torch.nn.Identity()
    image = torch.randn(1, 8, 8, 10)
    moved = image.clone()
    moved[0, 0, 0, 0] += 1  # of one channel: normalisation takes off what all have
    with torch.no_grad():
        changed = (block(image) - block(moved)).abs().amax(1)[0] > 1e-6
    assert changed[:4, :4].all() and not changed[4:].any() and not changed[:, 4:].any()


def test_the_embedding_is_at_a_sixteenth_and_its_bias_knows_offsets():
    tiny = TinyViT(3, 16, **{key: value for key, value in TINY.items() if key != "name"}).eval()
    assert tiny(torch.zeros(1, 3, 64, 96)).shape == (1, 16, 4, 6)
    number = tiny.layers[2].blocks[0].attn.attention_bias_idxs
    assert (
        number.shape == (16, 16) and torch.equal(number, number.T) and number[0].tolist() == list(range(16))
    )


def test_a_frozen_encoder_has_no_gradient_and_the_rest_has():
    made = build({**NET, "encoder": {**VIT, "frozen": True}, "block": None}, SIZE).train()
    made(seen()).sum().backward()
    assert all(p.grad is None for p in made.encoder.parameters())
    assert made.decoder.upscale_conv2.weight.grad.abs().sum() > 0
    assert made.prompts.point_embed[1].weight.grad.abs().sum() > 0
    assert made.prompts.shared_embedding.positional_embedding.grad is None


def test_a_network_starts_from_another_ones_encoder_and_decoder(tmp_path):
    first = net(block=None)
    save_file(first.state_dict(), tmp_path / "w.safetensors")
    torch.manual_seed(9)
    second, vit = (build({**NET, **more}, SIZE) for more in ({}, {"encoder": VIT}))
    before = {name: value.clone() for name, value in vit.encoder.state_dict().items()}
    for made in (second, vit):
        start_from(made, tmp_path / "w.safetensors", "first")
        for name, value in first.decoder.state_dict().items():
            assert torch.equal(value, made.decoder.state_dict()[name])
    assert torch.equal(second.encoder.neck[0].weight, first.encoder.neck[0].weight)
    assert all(torch.equal(value, vit.encoder.state_dict()[name]) for name, value in before.items())
    narrow = build({**NET, "width": 16, "heads": 1}, SIZE)
    said(lambda: start_from(narrow, tmp_path / "w.safetensors", "first"), "'first'", "net.width")
    said(lambda: start_from(second, tmp_path / "none", "first"), "'first' has no weights")


def test_published_weights_are_read_from_local_files(tmp_path):
    keys = options(Sppnet, {**NET, "encoder": VIT, "block": None}, "config", "net")
    sam = SamModel(configuration(keys, 4 * SIZE))
    state = {name: value.clone() for name, value in sam.state_dict().items()}
    del state["prompt_encoder.shared_embedding.positional_embedding"]
    save_file(state, tmp_path / "model.safetensors")
    tiny = net().encoder
    torch.save({f"image_encoder.{k}": v for k, v in tiny.state_dict().items()}, tmp_path / "mobile_sam.pt")
    given = {"sam": {"path": str(tmp_path / "model.safetensors")}}
    both = {**given, "tiny_vit": {"path": str(tmp_path / "mobile_sam.pt")}}
    torch.manual_seed(5)
    made = build({**NET, "pretrained": both}, SIZE)
    assert torch.equal(
        made.encoder.layers[1].blocks[0].attn.qkv.weight, tiny.layers[1].blocks[0].attn.qkv.weight
    )
    own = made.prompts.shared_embedding.positional_embedding
    assert torch.equal(own, state["shared_image_embedding.positional_embedding"])
    assert torch.equal(made.decoder.iou_token.weight, state["mask_decoder.iou_token.weight"])
    whole = build({**NET, "encoder": VIT, "block": None, "pretrained": given}, SIZE)
    assert torch.equal(whole.encoder.vision.pos_embed, state["vision_encoder.pos_embed"])
    lost = {"sam": {"path": str(tmp_path / "none.safetensors")}}
    said(lambda: build({**NET, "pretrained": lost}, SIZE), "none.safetensors", "no such file")
