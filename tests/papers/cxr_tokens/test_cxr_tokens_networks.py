"""Networks: what the paper prints of them, steps against whole texts, memories, boxes, losses."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bad_inputs import said
from cxr_tokens_data import BOXES, CNN, NET
from mlmi2023.papers.cxr_tokens.attention import Attention, Norm
from mlmi2023.papers.cxr_tokens.boxes import cropped, mean_boxes, overlap
from mlmi2023.papers.cxr_tokens.cnn import Places, finding_loss, rarity_weights
from mlmi2023.papers.cxr_tokens.decoder import Source
from mlmi2023.papers.cxr_tokens.decoding import beam_search, greedy
from mlmi2023.papers.cxr_tokens.detecting import mean_overlap, total_loss
from mlmi2023.papers.cxr_tokens.detector import CompactDetector, Learned, settled
from mlmi2023.papers.cxr_tokens.memories import RelationalMemory, SharedMemory
from mlmi2023.papers.cxr_tokens.network_options import (
    Cnn,
    Compact,
    CrossModal,
    FasterRcnn,
    Meshed,
    Plain,
    Relational,
)
from mlmi2023.papers.cxr_tokens.options import Detector
from mlmi2023.papers.cxr_tokens.words import BEGIN, END, PAD
from mlmi2023.papers.cxr_tokens.writer import Sizes, Writer
from mlmi2023.papers.cxr_tokens.writing import reinforced, word_loss

SIZES = Sizes(words=12, size=32, tokens=(4, 6), text=5, most=9)
KINDS = {
    "plain": Plain(**NET),
    "relational": Relational(**NET, slots=2),
    "cross_modal": CrossModal(**NET, entries=8, nearest=3),
    "meshed": Meshed(**{**NET, "layers": 2}, slots=2),
}


def writer(kind="plain", cnn=None):
    torch.manual_seed(1)
    return Writer(KINDS[kind], SIZES, cnn).eval()


def inputs(count=3):
    torch.manual_seed(2)
    return torch.randn(count, 4, 6), torch.randint(5, 12, (count, 5)), torch.randint(5, 12, (count, 7))


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def test_sizes_at_the_scale_of_the_paper():
    with torch.device("meta"):
        words, most, text = 4000, 100, 151
        net = Writer(Plain(), Sizes(words, 512, (36, 1024), text, most))
        cnn, trunk = Places(Cnn()), CompactDetector(Compact(name="compact"), 36, 71, 512).trunk.encoder
    w = 512
    dense = w * w + w
    attention, perceptron, norm = 4 * dense, 2 * dense, 2 * w
    encoder, decoder = attention + perceptron + 2 * norm, 2 * attention + perceptron + 3 * norm
    shared = 3 * encoder + 3 * decoder + 2 * words * w + (36 + text + most + 1 + 2) * w + 2 * norm
    assert parameters(net) == shared + (1024 * w + w + norm) + (w * words + words)
    assert len(net.layers) == len(net.decoder.layers) == 3 and net.layers[0].attention.heads == 8
    # torchvision's ResNet-101 and -50 without their last layer, and two of three colours of the first
    assert parameters(cnn) == 42_500_160 - 2 * 64 * 49 and parameters(trunk) == 23_508_032 - 2 * 64 * 49
    assert cnn.count(512) == 16 * 16 and cnn.width == 2048
    assert (Relational().slots, CrossModal().entries, CrossModal().nearest) == (3, 2048, 32)
    assert (Meshed().slots, Meshed().inner) == (40, 2048)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_the_same_step_by_step(kind):
    net, (visual, text, words) = writer(kind), inputs()
    with torch.no_grad():
        source = net.encode(visual, text)
        whole = net.decoder(words, source)
        written = net.decoder.begin(source)
        steps = torch.stack([net.decoder.step(word, written) for word in words.unbind(1)], 1)
        assert torch.allclose(steps, whole, atol=1e-5)
        later = words.clone()
        later[:, 4:] = 5
        assert torch.allclose(net.decoder(later, source)[:, :4], whole[:, :4], atol=1e-6), "no look ahead"
        # going on with other texts of the same images, as beams do
        two = net.decoder.begin(source, 2)
        net.decoder.step(words[:, 0].repeat_interleave(2), two)
        two.keep(torch.tensor([1, 0, 3, 2, 5, 4]))
        assert torch.allclose(
            net.decoder.step(words[:, 1].repeat_interleave(2), two)[::2], whole[:, 1], atol=1e-5
        )


def test_padding_is_not_seen_and_places_belong_to_regions():
    net, (visual, text, words) = writer(), inputs()
    with torch.no_grad():
        short = text.clone()
        short[:, 3:] = PAD
        assert torch.allclose(net(visual, short, words), net(visual, short[:, :3], words), atol=1e-5)
        swapped = visual[:, [1, 0, 2, 3]]
        assert not torch.allclose(net(visual, text, words), net(swapped, text, words), atol=1e-3)
        # a missing region's token is zero; those behind it keep their places
        gone = visual.clone()
        gone[:, 0] = 0
        left = net.encode(gone, text).levels[0].shape
        assert left == net.encode(visual, text).levels[0].shape
        moved = torch.cat([gone[:, 1:], gone[:, :1]], 1)
        assert not torch.allclose(net(gone, text, words), net(moved, text, words), atol=1e-3)
    seen = Writer(KINDS["plain"], SIZES, Cnn(**CNN)).eval()
    assert seen.cnn.count(32) == 16 and seen(torch.zeros(1, 1, 32, 32), text[:1], words[:1]).shape == (
        1,
        7,
        12,
    )


def test_slots_are_open_to_attention_whatever_is_masked():
    layer = Attention(8, 2, 0.0, slots=3).eval()
    x, mask = torch.randn(2, 4, 8), torch.zeros(2, 4, dtype=torch.bool)
    pair = layer.keys(x)
    assert pair[0].shape == (2, 2, 7, 4)
    own = layer.split(layer.slots[1][None].expand(2, -1, -1))
    weights = (layer.split(layer.query(x)) @ pair[0][:, :, 4:].transpose(2, 3) / 2).softmax(-1)
    expected = layer.out((weights @ own).transpose(1, 2).flatten(2))
    assert torch.allclose(layer(x, pair, mask), expected, atol=1e-5)


def test_a_condition_moves_the_norm():
    norm, x, condition = Norm(6, 4), torch.randn(2, 3, 6), torch.randn(2, 3, 4)
    for move in norm.move:
        torch.nn.init.zeros_(move[2].weight)
        torch.nn.init.zeros_(move[2].bias)
    assert torch.allclose(norm(x, condition), F.layer_norm(x, (6,)), atol=1e-6)
    norm.move[1][2].bias.data.fill_(0.5)
    assert torch.allclose(norm(x, condition), F.layer_norm(x, (6,)) + 0.5, atol=1e-6)


def test_the_relational_memory_forgets_and_lets_in():
    memory = RelationalMemory(6, 2, 2)
    start, word = memory.start(1, torch.zeros(1, 6)), torch.randn(1, 6)
    assert torch.equal(start[0], torch.eye(2, 6))
    for part in (memory.word, memory.old):
        torch.nn.init.zeros_(part.weight)
    memory.old.bias.data.zero_()
    # gates are (forget, let in): all kept and nothing let in leaves the slots as they are
    memory.word.bias.data = torch.cat([torch.full((6,), 50.0), torch.full((6,), -50.0)])
    assert torch.allclose(memory.step(word, start), start, atol=1e-5)
    memory.word.bias.data = -memory.word.bias.data
    found = memory.step(word, start)
    pair = memory.attention.keys(torch.cat([start, word[:, None]], 1))
    looked = start + memory.attention(start, pair)
    assert torch.allclose(found, torch.tanh(looked + memory.mlp(looked)), atol=1e-5)


def test_the_shared_memory_reads_its_nearest_entries():
    memory, x = SharedMemory(8, 5, 5, 2), torch.randn(2, 3, 8)
    key, value = memory.reading.keys(memory.matrix[None])
    query = memory.reading.split(memory.reading.query(x))
    scores = query @ key.transpose(2, 3) / 2
    whole = x + memory.reading.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))
    assert torch.allclose(memory(x), whole, atol=1e-5), "all entries: attention"
    memory.nearest = 1
    best = torch.zeros_like(scores).scatter(-1, scores.argmax(-1, keepdim=True), 1.0)
    one = x + memory.reading.out((best @ value).transpose(1, 2).flatten(2))
    assert torch.allclose(memory(x), one, atol=1e-5), "one entry: that alone"


class Table:
    """A decoder that follows a table of chances of the next word."""

    def __init__(self, chances):
        self.logits = torch.tensor(chances).clamp_min(1e-9).log()

    def begin(self, source, copies=1):
        return self

    def keep(self, rows):
        pass

    def step(self, words, written):
        return self.logits[words].clone()


def test_beams_find_what_a_greedy_choice_misses():
    # words: 5 looks best, and leads to two weak ones; 6 leads to the end for sure
    chances = np.full((8, 8), 0.0)
    chances[BEGIN, [5, 6]] = 0.6, 0.4
    chances[5, [5, 6, END]] = 0.34, 0.33, 0.33
    chances[6, END] = 1.0
    table, source = Table(chances), Source([], torch.ones(2, 1, dtype=torch.bool))
    assert greedy(table, source, 4)[0].tolist() == [5, 5, 5, 5]
    assert beam_search(table, source, 4, 3)[1].tolist()[:2] == [6, END]
    assert beam_search(table, source, 4, 1).tolist() == greedy(table, source, 4).tolist()
    torch.manual_seed(0)
    drawn = greedy(table, Source([], torch.ones(400, 1, dtype=torch.bool)), 3, chance=True)
    assert 0.5 < float((drawn[:, 0] == 5).float().mean()) < 0.7
    assert (drawn[:, 1:][drawn[:, 0] == 6] == torch.tensor([END, PAD])).all(), "padded behind its end"


def test_rewards_raise_what_gains():
    net, (visual, text, words) = writer(), inputs(2)
    source = net.encode(visual, text)
    drawn = words.clone()
    drawn[0, 5:] = torch.tensor([END, PAD])
    loss = reinforced(net.decoder, source, drawn, torch.tensor([1.0, -0.5]))
    begin = torch.cat([torch.full((2, 1), BEGIN), drawn[:, :-1]], 1)
    said_ = net.decoder(begin, source).log_softmax(-1).gather(-1, drawn[..., None])[..., 0]
    expected = -(1.0 * said_[0, :6].mean() - 0.5 * said_[1].mean()) / 2
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_padding_costs_no_likelihood():
    logits, target = torch.randn(1, 3, 6), torch.tensor([[BEGIN, 5, END, PAD]])
    terms = [-float(logits[0, place].log_softmax(-1)[word]) for place, word in ((0, 5), (1, END))]
    assert float(word_loss(logits, target)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_findings_are_weighed_by_rarity_and_absence_counts():
    logits, truth = torch.tensor([[2.0, -1.0]]), torch.tensor([[1, 0]])
    weight = torch.tensor([3.0, 5.0])
    theirs = F.binary_cross_entropy_with_logits(logits, truth.float(), pos_weight=weight)
    assert float(finding_loss(logits, truth, weight)) == pytest.approx(float(theirs), rel=1e-5)
    printed = -3 * math.log(1 / (1 + math.exp(-2))) / 2
    assert float(finding_loss(logits, truth, weight, negatives=False)) == pytest.approx(printed, rel=1e-5)
    always = torch.full((4, 2), 50.0)
    assert float(finding_loss(always, torch.zeros(4, 2), weight, negatives=False)) == 0, "as Eq. 2 is printed"
    assert float(finding_loss(always, torch.zeros(4, 2), weight)) == pytest.approx(50)
    known = torch.zeros(16, 1, 2)
    known[0, 0, 0] = 1
    assert rarity_weights(known, 0.25).tolist() == pytest.approx([2.0, 2.0])
    known[:, 0, 1] = 1
    assert rarity_weights(known, 0.25).tolist() == pytest.approx([2.0, 1.0])
    assert rarity_weights(known, 0.0).tolist() == [1, 1]


def test_the_sum_of_losses_and_the_naive_detector():
    logits, truth = torch.tensor([[1.0]]), torch.tensor([[1]])
    found = Learned(torch.tensor(0.5), torch.tensor(2.0), torch.tensor(0.25), logits, truth)
    own = {"kind": "learned", "model": "detector", "net": Compact(**BOXES)}
    finding = float(finding_loss(logits, truth, torch.ones(1)))
    assert float(total_loss(found, Detector(**own), torch.ones(1))) == pytest.approx(2.75 + 100 * finding)
    assert float(total_loss(found, Detector(**own, findings=False), torch.ones(1))) == pytest.approx(2.75)


def detector(**change):
    torch.manual_seed(3)
    return CompactDetector(Compact(**{**BOXES, **change}), 3, 2, 32)


def test_findings_teach_the_vectors_of_boxes():
    net = detector()
    boxes = torch.tensor([[[2.0, 2, 14, 14], [16, 2, 30, 14], [float("nan")] * 4]]).expand(2, -1, -1)
    learned = net.losses(torch.randn(2, 1, 32, 32), boxes, torch.ones(2, 3, 2))
    assert len(learned.logits) >= 4 and learned.logits.shape == learned.truth.shape
    finding_loss(learned.logits, learned.truth, torch.ones(2)).backward()
    assert float(net.trunk.encoder.conv1.weight.grad.abs().sum()) > 0 and net.anatomy.weight.grad is None
    net.zero_grad(set_to_none=True)
    again = net.losses(torch.randn(2, 1, 32, 32), boxes, torch.ones(2, 3, 2))
    (again.places + again.anatomy + again.box).backward()
    assert net.findings.weight.grad is None and net.delta.weight.grad is not None


def test_features_are_read_inside_boxes():
    net = detector(bins=4)
    # maps that say where they are; the vector's first layer is looked past
    at = 8 * (torch.arange(4.0) + 0.5)
    maps = [
        torch.stack(torch.meshgrid(at, at, indexing="ij"))[None],
        torch.zeros(1, 2, 2, 2),
        torch.zeros(1, 2, 1, 1),
    ]
    net.read = torch.nn.Identity()
    read = net.looked(maps, torch.tensor([[[6.0, 10.0, 22.0, 18.0]]])).view(16, 2)
    assert read.mean(0).tolist() == pytest.approx([14.0, 14.0], abs=1e-4), "rows, then columns"
    assert read[0].tolist() == pytest.approx([11.0, 8.0]) and read[-1].tolist() == pytest.approx([17.0, 20.0])


def test_tokens_stand_in_the_order_of_regions_and_are_zero_where_one_is_missing():
    net = detector().eval()
    with torch.no_grad():
        found = net(torch.randn(2, 1, 32, 32))
    assert found.vectors.shape == (2, 3, 16) and found.findings.shape == (2, 3, 2)
    assert (found.boxes[..., 2:] > found.boxes[..., :2]).all() and float(found.boxes.max()) <= 32
    cut = settled(
        torch.ones(1, 2, 4), torch.zeros(1, 2, 4), torch.tensor([[0.04, 0.6]]), torch.zeros(1, 2, 1), 0.05
    )
    assert cut.vectors[0].sum(-1).tolist() == [0, 4] and cut.score[0].tolist() == pytest.approx([0, 0.6])
    assert torch.allclose(found.findings, net.findings(found.vectors), atol=1e-5), "from the same vector"


def test_a_detector_learns_one_image():
    net = detector(width=8, pyramid=16, hidden=32)
    image = torch.zeros(2, 1, 32, 32)
    image[:, :, 4:14, 4:14], image[:, :, 16:30, 4:28] = 1.0, -1.0
    boxes = torch.tensor([[[4.0, 4, 14, 14], [4, 16, 28, 30], [float("nan")] * 4]]).expand(2, -1, -1)
    steps = torch.optim.Adam(net.parameters(), 0.005)
    for _ in range(60):
        learned = net.losses(image, boxes, torch.zeros(2, 3, 2))
        steps.zero_grad()
        (learned.places + learned.anatomy + learned.box).backward()
        steps.step()
    # statistics of the norms are those of these steps
    net.train()
    with torch.no_grad():
        found = net(image)
    score = found.score.numpy().copy()
    assert mean_overlap(found.boxes.numpy(), score, boxes.numpy()) > 0.6
    assert score[:, :2].min() > 0.5 > score[:, 2].max()


def test_boxes_by_hand():
    first, second = np.array([[0.0, 0, 4, 4]]), np.array([[2.0, 0, 6, 4]])
    assert overlap(first, second)[0] == pytest.approx(8 / 24)
    boxes = np.array([[10.0, 10, 20, 18], [0, 0, 4, 4], [np.nan] * 4], np.float32)
    moved = cropped(boxes, 2, 4, 12)
    assert moved[0].tolist() == [6, 8, 12, 12], "cut at the border"
    assert np.isnan(moved[1:]).all(), "outside, and missing"
    mean = mean_boxes(np.stack([boxes, boxes + 2]))
    assert mean[0].tolist() == [11, 11, 21, 19] and np.isnan(mean[2]).all()
    truth = np.stack([boxes[:1]])
    assert (
        mean_overlap(truth, np.ones((1, 1)), truth) == 1 and mean_overlap(truth, np.zeros((1, 1)), truth) == 0
    )


def test_the_papers_detector_asks_for_torchvision():
    pytest.importorskip("torch")
    try:
        import torchvision.models.detection  # noqa: F401
    except (ImportError, RuntimeError):
        from mlmi2023.papers.cxr_tokens.faster_rcnn import FasterRcnnDetector

        said(lambda: FasterRcnnDetector(FasterRcnn(name="faster_rcnn"), 3, 2, 64), "torchvision", "compact")
