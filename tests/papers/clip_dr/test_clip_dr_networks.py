"""Networks of the printed sizes; tokens that reach the text, and tokens that do not; published weights."""

import pytest
import torch

from clip_dr_data import READER, SIZE, letters, method, publish_clip
from mlmi2023.core.errors import InputError
from mlmi2023.papers.clip_dr.erm import Erm
from mlmi2023.papers.clip_dr.grader import Conditioner, Grader
from mlmi2023.papers.clip_dr.losses import contrast
from mlmi2023.papers.clip_dr.options import ClipNet, Published, Reader, ResNet, TextSizes, VitNet
from mlmi2023.papers.clip_dr.options import Erm as ErmOptions
from mlmi2023.papers.clip_dr.towers import build_clip, read, read_with
from mlmi2023.papers.clip_dr.words import PublishedWords, Words, prompts


def count(net):
    return sum(p.numel() for p in net.parameters())


def grader(model, **more):
    torch.manual_seed(0)
    return Grader(method(model, **more), SIZE).eval()


def photographs(number=3):
    return torch.randn(number, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))


def test_the_paper_s_networks_have_the_published_numbers_of_weights():
    with torch.device("meta"):
        assert count(build_clip(ClipNet(text=TextSizes(words=49408)), 224)) == 149_620_737  # ViT-B/16
        assert count(Conditioner(768, (768, 1024), 4, 512)) == 3_477_248
        vit = Erm(ErmOptions(kind="learned", model="erm", net=VitNet(name="vit")), 224, 5)
        assert count(vit) == 85_798_656 + 5 * 769
        resnet = Erm(ErmOptions(kind="learned", model="erm", net=ResNet(name="resnet")), 224, 5)
        assert count(resnet) == 23_508_032 + 5 * 2049


def test_prompts_are_those_of_table_3():
    assert (
        prompts("I")[0] == "a photo of a No DR"
        and prompts("II")[4] == "a photo of a proliferative Diabetic Retinopathy"
    )
    ids = Words()(prompts("II"), 16)
    words = Words()
    assert (
        ids.shape == (5, 16) and (ids[:, 0] == words.start).all() and ((ids == words.end).sum(1) == 1).all()
    )
    with pytest.raises(InputError, match="'glaucoma' is no word of the stand-in's vocabulary"):
        words(["a photo of a glaucoma"], 16)
    with pytest.raises(InputError, match=r"net\.text\.length is 6"):
        words(prompts("I"), 6)


def test_logits_of_naive_fine_tuning_are_those_of_clip_itself():
    net, x = grader("naive"), photographs()
    whole = net.clip(input_ids=net.ids(), pixel_values=x).logits_per_image
    torch.testing.assert_close(net(x), whole)
    assert net(x, "II").shape == (3, 5) and not torch.allclose(net(x, "II"), whole)


def test_tokens_before_the_end_are_what_the_text_reads():
    net = grader("cooplvt")
    ids = net.ids()[:2]
    tokens = torch.randn(2, 4, 24, generator=torch.Generator().manual_seed(3))
    text = net.clip.text_model
    for row in range(2):
        # by hand: the prompt without its end, the tokens, the end, and nothing behind
        end = int((ids[row] == Words().end).int().argmax())
        own = text.embeddings(input_ids=ids[row : row + 1])
        line = torch.cat([own[:, :end], tokens[row : row + 1], own[:, end : end + 1]], 1)
        mask = torch.full((end + 5, end + 5), float("-inf")).triu(1)
        states = text.encoder(inputs_embeds=line, attention_mask=mask[None, None]).last_hidden_state
        wanted = net.clip.text_projection(text.final_layer_norm(states)[:, -1])
        torch.testing.assert_close(read_with(net.clip, ids, tokens, "before_end")[row : row + 1], wanted)


def test_as_released_texts_do_not_depend_on_images_and_g_gets_no_gradient():
    for place, seen in (("before_end", True), ("released", False)):
        net, x = grader("cooplvt", place=place), photographs(4)
        net.train_parts()
        inner, visual = net.see(x)
        classes = torch.tensor([2, 2, 0, 4])
        texts = net.own_texts(inner, classes)
        assert torch.allclose(texts[0], texts[1], atol=1e-6) == (not seen)
        plain = read(net.clip, net.ids()[classes])
        same = torch.allclose(texts, torch.nn.functional.normalize(plain, dim=1), atol=1e-5)
        assert same == (not seen)
        contrast(visual, texts, net.scale).backward()
        moved = [p.grad is not None and bool((p.grad != 0).any()) for p in net.conditioner.parameters()]
        assert all(moved) if seen else not any(moved)
        # the image encoder learns either way
        assert (net.clip.visual_projection.weight.grad != 0).any()


def test_every_grade_has_its_own_prompt_at_test():
    net, x = grader("cooplvt"), photographs(2)
    inner, visual = net.see(x)
    for grade in range(5):
        texts = net.own_texts(inner, torch.full((2,), grade))
        torch.testing.assert_close(net(x)[:, grade], net.scale * (visual * texts).sum(1))


@pytest.mark.parametrize(
    ("model", "more", "learn"),
    [
        ("probe", {}, {"head"}),
        ("naive", {}, {"clip.vision_model", "clip.visual_projection"}),
        ("naive", {"reader": READER}, {"clip.vision_model"}),
        ("cooplvt", {}, {"clip.vision_model", "clip.visual_projection", "conditioner"}),
    ],
)
def test_the_text_encoder_and_the_scale_are_frozen(model, more, learn):
    net = grader(model, **more)
    net.train_parts()
    names = {name for name, p in net.named_parameters() if p.requires_grad}
    assert names == {name for name, _ in net.named_parameters() if name.startswith(tuple(learn))}


def test_a_second_text_encoder_has_no_dropout_while_others_train():
    net = Grader(method("naive", reader=READER), SIZE)  # as a fit finds it, which does not call train()
    assert net.clip.training and not any(part.training for part in net.reader.modules())
    net.train()
    assert net.clip.training and not any(part.training for part in net.reader.modules())
    assert torch.equal(net.texts(), net.texts())


def test_a_second_text_encoder_is_compared_with_features_before_the_projection():
    net, x = grader("zero_shot", reader=READER), photographs()
    inner = torch.nn.functional.normalize(net.clip.vision_model(pixel_values=x).pooler_output, dim=1)
    ids = net.reader.words(prompts("I"), net.reader.length)
    there = ids != 0
    states = net.reader.bert(input_ids=ids, attention_mask=there.long()).last_hidden_state
    means = torch.stack([own[row].mean(0) for own, row in zip(states, there)])
    texts = torch.nn.functional.normalize(means, dim=1)
    torch.testing.assert_close(net(x), net.scale * inner @ texts.T)
    with pytest.raises(InputError, match=r"reader\.width: texts have 8 numbers, .* has 16"):
        grader("zero_shot", reader=Reader(width=8, layers=1, heads=2, mlp=8))


def test_published_clip_is_loaded_whole_and_in_32_bits(tmp_path):
    clip = publish_clip(tmp_path)
    net = Grader(method("naive", pretrained=Published(path=str(tmp_path))), SIZE).eval()
    assert all(p.dtype == torch.float32 for p in net.parameters())
    for name, value in clip.state_dict().items():
        torch.testing.assert_close(net.clip.state_dict()[name], value)
    words = PublishedWords(tmp_path)
    assert torch.equal(net.ids(), words(prompts("I"), 77))
    with pytest.raises(InputError, match=r"a prompt has .* tokens, the text encoder reads 12"):
        words(prompts("I"), 12)
    assert torch.isfinite(net(photographs())).all()
    with pytest.raises(InputError, match=r"images are 48 x 48, the published weights see 32 x 32"):
        Grader(method("naive", pretrained=Published(path=str(tmp_path))), 48)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match=r"has no config\.json; put the published weights there"):
        Grader(method("naive", pretrained=Published(path=str(tmp_path))), SIZE)


def test_published_weights_that_lack_some_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    publish_clip(tmp_path)
    file = tmp_path / "model.safetensors"
    state = load_file(file)
    state.pop("visual_projection.weight")
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"has no weights for visual_projection\.weight"):
        Grader(method("naive", pretrained=Published(path=str(tmp_path))), SIZE)


def test_a_published_reader_brings_its_own_words(tmp_path):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=57, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(str(tmp_path))
    letters(tmp_path, bert=True)
    net = grader("zero_shot", reader=Reader(pretrained=Published(path=str(tmp_path))))
    assert net.ids().shape == (5, 64) and torch.isfinite(net(photographs())).all()
