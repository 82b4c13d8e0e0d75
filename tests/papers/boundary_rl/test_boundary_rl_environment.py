"""The environment: moves, rewards, ends, noise, starts; batched equals one by one; gymnasium's interface."""

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv

from boundary_rl_data import SIDE, SIZE, dark, disc
from mlmi2023.papers.boundary_rl.drawing_lots import Common, OfImages
from mlmi2023.papers.boundary_rl.environment import Rules, Walks
from mlmi2023.papers.boundary_rl.options import Walk
from mlmi2023.papers.boundary_rl.patches import cut, edge, limits, with_margin
from mlmi2023.papers.boundary_rl.rewards import movement, reward
from mlmi2023.papers.boundary_rl.walking import by_chance, straight, walk

UP, DOWN, LEFT, RIGHT = range(4)
CPU = torch.device("cpu")


def images(count=3):
    """Bright images with a dark disc each, in the middle."""
    masks = np.stack([disc(12, 11 + n, 4) for n in range(count)])
    return torch.from_numpy(np.where(masks > 0, 30, 180).astype(np.uint8)), masks


def rules(**walk):
    given = {"step": 2, "most": 16, "episodes": 3, "outliers": 4.0, "neighbours": 1, **walk}
    return Rules(SIDE, Walk(**given))


def walks(count=3, own=None, lots=None, target=(12.0, 12.0), fires=dark, **keys):
    pixels, _ = images()
    own = own or rules()
    c_p = None if target is None else torch.tensor(target).expand(len(pixels), 2)
    return Walks(pixels, fires, own, count, lots or OfImages(0, own.walk.most, SIDE, CPU), c_p, **keys)


def put(env, *centres):
    """Place patches by hand."""
    env.centre = torch.tensor(centres)
    return env


def test_actions_move_the_patch_and_earn_by_hand():
    env = walks(fires=lambda patches: torch.zeros(len(patches), dtype=torch.bool))
    env.reset(options={"rows": torch.arange(3)})
    put(env, [4, 12], [12, 0], [23, 12])
    _, found, hit, cut_off, info = env.step(torch.tensor([DOWN, LEFT, RIGHT]))
    assert info["centre"].tolist() == [[6, 12], [12, 0], [23, 14]]
    # nearer to (12, 12); stopped by the border, which is no approach; farther
    assert info["moved"].tolist() == [1, -1, -1] and found.tolist() == [1, -1, -1]
    assert not hit.any() and not cut_off.any()
    put(env, [6, 12], [12, 12], [12, 10])
    _, _, _, _, info = env.step(torch.tensor([UP, UP, RIGHT]))
    assert info["centre"].tolist() == [[4, 12], [10, 12], [12, 12]] and info["moved"].tolist() == [-1, -1, 1]


def test_rewards_by_hand():
    before, after = (
        torch.tensor([[0, 0], [0, 0], [3, 4], [0, 5]]),
        torch.tensor([[1, 0], [0, 0], [3, 5], [0, 5]]),
    )
    target = torch.tensor([[5.0, 0.0], [5.0, 0.0], [3.0, 0.0], [9.0, 5.0]])
    assert movement(before, after, target).tolist() == [1, -1, -1, -1]
    # as printed, a patch that stays where it is has not got farther
    assert movement(before, after, target, blocked=False).tolist() == [1, 1, -1, 1]
    # neither nearer nor farther is 1
    assert movement(torch.tensor([[0, -1]]), torch.tensor([[0, 1]]), torch.tensor([[4.0, 0.0]])).tolist() == [
        1
    ]
    assert reward(torch.tensor([1.0, -1.0, 1.0]), torch.tensor([True, True, False]), 100).tolist() == [
        101,
        99,
        1,
    ]


def test_a_hit_ends_the_walk_and_noise_is_painted_there_alone():
    env = walks()
    env.reset(options={"rows": torch.arange(3)})
    before = env.pictures().clone()
    put(env, [2, 12], [5, 12], [2, 2])
    _, found, hit, _, info = env.step(torch.tensor([DOWN, DOWN, RIGHT]))
    # the discs reach from row 8 to 16: a patch of rows 0 to 7 does not touch, one of rows 3 to 10 does
    assert info["centre"][:2, 0].tolist() == [4, 7] and hit.tolist() == [False, True, False]
    assert found.tolist() == [1, 101, 1]
    changed = (env.pictures() != before).nonzero()
    assert set(changed[:, 0].tolist()) == {1}
    assert changed[:, 1].min() >= 3 and changed[:, 1].max() <= 10
    assert changed[:, 2].min() >= 8 and changed[:, 2].max() <= 15 and len(changed) > 50
    patch = env.pictures()[1, 3:11, 8:16]
    assert patch.min() >= 0 and patch.max() <= 1 and 0.35 < patch.mean() < 0.65 and 0.1 < patch.std() < 0.3
    assert env.time.tolist() == [1, 0, 1] and env.episode.tolist() == [0, 1, 0]
    assert tuple(env.centre[1].tolist()) in {tuple(spot) for spot in env.edges.tolist()}
    # what lies beyond the image stays 0
    put(env, [12, 12], [12, 12], [12, 12])
    margin = env.canvas.clone()
    margin[:, SIDE // 2 : SIDE // 2 + SIZE, SIDE // 2 : SIDE // 2 + SIZE] = 0
    assert not margin.any()


def test_a_walk_is_cut_off_after_t_steps_and_its_last_state_is_given():
    env = walks(own=rules(most=2), fires=lambda patches: torch.zeros(len(patches), dtype=torch.bool))
    env.reset(options={"rows": torch.arange(3)})
    put(env, [4, 4], [4, 4], [4, 4])
    _, _, _, cut_off, info = env.step(torch.full((3,), DOWN))
    assert not cut_off.any() and info["final"] is None
    after, _, hit, cut_off, info = env.step(torch.full((3,), DOWN))
    assert cut_off.all() and not hit.any() and info["steps"].tolist() == [2] * 3
    patch = env.canvas[0, 8 : 8 + SIDE, 4 : 4 + SIDE]
    assert torch.equal(info["final"][0, 1], patch) and not torch.equal(after[0, 1], patch)


def test_noise_adds_up_in_an_image_and_the_next_image_is_clean():
    env = walks(count=1, own=rules(episodes=3), again=True)
    env.reset(options={"rows": torch.tensor([0])})
    env.feed(torch.tensor([2, 1]))
    clean, painted = env.images.float() / 255, []
    for centre, action in (([5, 12], DOWN), ([12, 3], RIGHT)):
        put(env, centre)
        assert bool(env.step(torch.tensor([action]))[2])
        painted.append(env.pictures()[0] != clean[0])
    assert (painted[1] & painted[0]).sum() == painted[0].sum() < painted[1].sum()
    put(env, [19, 12])
    env.step(torch.tensor([UP]))
    assert env.row.tolist() == [2] and env.episode.tolist() == [0]
    assert torch.equal(env.pictures()[0], clean[2])


def test_walks_start_at_the_edges_and_cover_them():
    assert len(edge(limits((6, 5), 4, "pad"))) == 2 * (5 + 4)
    assert edge(limits((6, 5), 4, "inside")).tolist() == [[2, 2], [2, 3], [3, 3], [4, 3], [4, 2], [3, 2]]
    env = walks(count=400, lots=Common(16, SIDE, CPU))
    env.reset(seed=1)
    sides = [(env.centre[:, a] == v).float().mean() for a in (0, 1) for v in (0, SIZE - 1)]
    assert all(0.15 < float(share) < 0.35 for share in sides) and sum(map(float, sides)) > 1
    again = walks(count=400, lots=Common(16, SIDE, CPU))
    again.reset(seed=1)
    assert torch.equal(env.centre, again.centre)


def test_patches_beyond_the_image_are_zero():
    whole = torch.arange(1.0, 37).view(1, 6, 6)
    found = cut(with_margin(whole, 4), torch.zeros(2, dtype=torch.long), torch.tensor([[0, 0], [3, 2]]), 4)
    assert (
        torch.equal(found[0, 2:, 2:], whole[0, :2, :2])
        and not found[0, :2].any()
        and not found[0, :, :2].any()
    )
    assert torch.equal(found[1], whole[0, 1:5, 0:4])


def one_by_one(pixels, own, row, lots, actions, target):
    """Walk one image with plain loops; return what each step gives, as an independent implementation."""
    half, size = SIDE // 2, pixels.shape[1]
    image = pixels[row].numpy().astype(np.float32) / 255
    spots, said, number = edge(limits((size, size), SIDE, "pad")).tolist(), [], 0

    def begin():
        u = float(lots.beginnings(torch.tensor([row]), torch.tensor([number]))[0])
        return list(spots[min(int(u * len(spots)), len(spots) - 1)])

    def view(i, j):
        return np.array(
            [
                [image[r, c] if 0 <= r < size and 0 <= c < size else 0 for c in range(j - half, j + half)]
                for r in range(i - half, i + half)
            ],
            np.float32,
        )

    (i, j), time = begin(), 0
    for action in actions:
        before = np.hypot(i - target[0], j - target[1])
        old = (i, j)
        i = min(max(i + own.walk.step * (-1, 1, 0, 0)[action], 0), size - 1)
        j = min(max(j + own.walk.step * (0, 0, -1, 1)[action], 0), size - 1)
        moved = 1 if np.hypot(i - target[0], j - target[1]) <= before and (i, j) != old else -1
        time += 1
        patch = view(i, j)
        hit = bool(((patch > 0.05) & (patch < 0.25)).any())
        said.append((i, j, moved + 100 * hit, hit, time >= own.walk.most and not hit))
        if hit:
            noise = lots.noise(torch.tensor([row]), torch.tensor([number]))[0].numpy()
            for a in range(SIDE):
                for b in range(SIDE):
                    r, c = i - half + a, j - half + b
                    if 0 <= r < size and 0 <= c < size:
                        image[r, c] = np.float32(np.clip(0.5 + 0.2 * noise[a, b], 0, 1))
        if hit or said[-1][4]:
            number, time = number + 1, 0
            if number == own.walk.episodes:
                return said
            i, j = begin()
    return said


def test_batched_walks_equal_walks_one_by_one():
    own = rules(most=12, episodes=4)
    lots = OfImages(3, own.walk.most, SIDE, CPU)
    pixels, _ = images()
    env = walks(own=own, lots=lots)
    env.reset(options={"rows": torch.arange(3)})
    torch.manual_seed(0)
    actions = torch.randint(4, (40, 3))
    said, over = [[] for _ in range(3)], []
    for step in actions:
        over.append(env.over.clone())
        _, found, hit, cut_off, info = env.step(step)
        for n in range(3):
            if not over[-1][n]:
                row = (*info["centre"][n].tolist(), float(found[n]), bool(hit[n]), bool(cut_off[n]))
                said[n].append(row)
    for n in range(3):
        by_hand = one_by_one(pixels, own, n, lots, actions[:, n].tolist(), (12.0, 12.0))
        assert said[n] == by_hand
    assert sum(row[3] for rows in said for row in rows) >= 3, "some walks hit"


def test_what_an_image_gets_does_not_depend_on_its_neighbours():
    together = walk(walks(), by_chance, torch.arange(3))
    alone = walk(walks(count=1), by_chance, torch.tensor([2]))
    for one, other in zip(together, alone):
        assert np.array_equal(one[2], other[0])


def test_a_straight_walk_hits_and_a_blind_classifier_never():
    found = walk(walks(target=(12.0, 12.0)), straight, torch.arange(3))
    assert found.hits[:, 0].all() and (found.steps <= 16).all() and found.moved[:, 0].min() > 0
    assert found.earned(100) > 50
    blind = walk(walks(fires=lambda p: torch.zeros(len(p), dtype=torch.bool)), straight, torch.arange(3))
    assert not blind.hits.any() and (blind.steps == 16).all()


def test_it_has_gymnasiums_interface():
    env = walks(where=True)
    assert isinstance(env, VectorEnv) and env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    states, info = env.reset(seed=0)
    assert states.shape == env.observation_space.shape == (3, 3, SIDE, SIDE) and info == {}
    assert env.observation_space.contains(states.numpy()) and env.single_action_space.n == 4
    answer = env.step(torch.from_numpy(env.action_space.sample()))
    assert len(answer) == 5 and env.observation_space.contains(answer[0].numpy())
    assert all(part.shape == (3,) for part in answer[1:4])


def test_the_mark_is_where_the_patch_is():
    env = walks(where=True)
    env.reset(options={"rows": torch.arange(3)})
    mark = put(env, [12, 12], [0, 0], [23, 12]).observe()[:, 2]
    # pixels of the small image are three of the large one; the patch covers 8 to 15
    assert mark[0].nonzero().tolist() == [[i, j] for i in (3, 4) for j in (3, 4)] or mark[0].sum() >= 4
    assert mark[1, 0, 0] == 1 and mark[1, 2:].sum() == 0 and mark[2, -1].any() and not mark[2, 0].any()


def test_a_state_can_be_gone_on_from():
    own = rules(episodes=2)
    env = walks(own=own, lots=Common(16, SIDE, CPU), again=True)
    env.reset(seed=4)
    actions = torch.randint(4, (30, 3))
    for step in actions[:15]:
        env.step(step)
    other = walks(own=own, lots=Common(16, SIDE, CPU), again=True)
    other.restore(env.state())
    assert torch.equal(other.observe(), env.observe())
    for step in actions[15:]:
        torch.manual_seed(int(step.sum()))
        one = env.step(step)
        torch.manual_seed(int(step.sum()))
        two = other.step(step)
        assert all(torch.equal(a, b) for a, b in zip(one[:4], two[:4]))


def test_rewards_are_not_computed_without_a_target():
    env = walks(target=None)
    env.reset(options={"rows": torch.arange(3)})
    put(env, [4, 4], [5, 12], [4, 4])
    _, found, hit, _, info = env.step(torch.full((3,), DOWN))
    assert not info["moved"].any() and torch.equal(found, 100.0 * hit)


def test_patches_larger_than_images_are_refused():
    with pytest.raises(ValueError, match="larger than images"):
        limits((6, 6), 8, "pad")
