"""Variance components of seeds crossed with images: their sums of products, and degenerate ones."""

import numpy as np
import pytest
from scipy import stats

from harness.metrics import shrinkage
from harness.metrics.components import components
from harness.metrics.crossed import Sums, summed
from harness.metrics.shrinkage import seed_variances


def made(experiments=3, seeds=4, images=500, spread=0.02, seed=0):
    """Return values (seeds, experiments, images) of networks that find the same images hard."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=images)
    skill = 1.0 + 0.1 * np.arange(experiments) + rng.normal(size=(seeds, experiments)) * spread * 5
    return (skill[:, :, None] + hard + 0.5 * rng.normal(size=(seeds, experiments, images)) > 0).astype(np.float64)


def test_sums_are_those_of_the_definition():
    values = made()
    sums = summed(values)
    centred = values - values.mean(axis=2, keepdims=True)
    mean = centred.mean(axis=0)
    np.testing.assert_allclose(sums.means, values.mean(axis=2).T, rtol=1e-15)
    np.testing.assert_allclose(sums.within, np.einsum("ski,sli->kl", centred, centred) / 500, rtol=1e-6)
    np.testing.assert_allclose(sums.between, mean @ mean.T / 500, rtol=1e-6)
    assert (sums.experiments, sums.seeds, sums.images) == (3, 4, 500)


def test_chosen_experiments_have_the_sums_of_their_own():
    values = made(experiments=5)
    chosen, alone = summed(values).of([3, 1]), summed(values[:, [3, 1]])
    for name in ("means", "within", "between"):
        np.testing.assert_allclose(getattr(chosen, name), getattr(alone, name), rtol=1e-12)


def test_the_sums_of_long_arrays_are_those_of_their_parts():
    values = made(experiments=2, seeds=2, images=20_001)
    centred = values - values.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(summed(values).within, np.einsum("ski,sli->kl", centred, centred) / 20_001, rtol=1e-6)


def test_components_are_those_of_a_two_way_analysis_of_variance():
    """Of two experiments: mean squares of seeds, images and the residual of their differences (Hillis, 2007)."""
    values = made(experiments=2, seeds=5, images=400)
    z = values[:, 0] - values[:, 1]
    n, m = z.shape
    of_seeds, of_images = z.mean(axis=1), z.mean(axis=0)
    squares = ((z - of_seeds[:, None] - of_images + z.mean()) ** 2).sum()
    residual = squares / ((n - 1) * m)  # each seed's mean removed first
    parts = components(summed(values))
    assert parts.difference[0] == pytest.approx(z.mean(), rel=1e-12)
    assert parts.seeds[0] == pytest.approx(max(of_seeds.var(ddof=1), residual / m), rel=1e-6)
    assert parts.images[0] == pytest.approx((of_images.var(ddof=1) - residual / n) / m, rel=1e-6)
    variance = parts.seeds[0] / n + parts.images[0]
    assert parts.variance(n)[0] == pytest.approx(variance)
    assert parts.freedom(n)[0] == pytest.approx(variance**2 / ((parts.seeds[0] / n) ** 2 / (n - 1)))


def test_without_images_two_experiments_are_compared_by_the_paired_t_test():
    rng = np.random.default_rng(3)
    means = rng.normal(size=(2, 6)) + np.array([[0.5], [0.0]])
    parts = components(Sums(means))
    test = stats.ttest_rel(means[0], means[1])
    interval = test.confidence_interval(0.95)
    assert parts.p()[0] == pytest.approx(test.pvalue, rel=1e-12)
    half = parts.half(6, 0.95)[0]
    assert (parts.difference[0] - half, parts.difference[0] + half) == pytest.approx(tuple(interval), rel=1e-12)


def test_one_seed_has_the_variance_of_the_images():
    values = made(seeds=1)
    parts = components(summed(values))
    z = values[0, 0] - values[0, 1]
    assert parts.variance(1)[0] == pytest.approx(z.var(ddof=1) / len(z), rel=1e-6)
    assert np.isinf(parts.freedom(1)).all()
    assert not parts.seeds.any()


def test_copies_differ_by_nothing_at_all():
    """To the last bit, whatever the rounding of sums of products."""
    values = made(experiments=2, images=10_007)
    parts = components(summed(np.concatenate([values, values[:, :1]], axis=1)))
    copies = (parts.first == 0) & (parts.second == 2)
    assert parts.difference[copies] == 0
    assert parts.variance(4)[copies] == 0
    assert parts.p()[copies] == 1


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize("experiments", [2, 5])
def test_networks_without_any_variance_have_finite_figures(experiments, seeds):
    """All right on every image, or all wrong: a difference is as certain as the number of images makes it."""
    values = np.ones((seeds, experiments, 50))
    values[:, 1] = 0
    parts = components(summed(values))
    for figures in (parts.difference, parts.variance(seeds), parts.p(), parts.half(seeds, 0.95)):
        assert np.isfinite(figures).all()
    equal = parts.difference == 0
    assert (parts.p()[equal] == 1).all()
    assert (parts.p()[~equal] < 0.02).all()
    np.testing.assert_allclose(parts.variance(seeds)[~equal], 1 / 50**2)


def test_seeds_that_differ_by_the_same_say_nothing():
    """Without per-image values: no variance, no verdict."""
    parts = components(Sums(np.array([[0.1, 0.2, 0.4], [0.2, 0.3, 0.5]])))
    assert not parts.known.any()
    assert parts.p().tolist() == [1]


def test_one_value_says_nothing():
    parts = components(Sums(np.array([[0.1], [0.2]])))
    assert not parts.known.any()
    assert parts.p().tolist() == [1]


def test_one_image_and_one_experiment_are_no_error():
    assert components(summed(made(images=1))).p().shape == (3,)
    assert components(summed(made(experiments=1))).p().shape == (0,)


def test_variances_are_shrunken_towards_each_other():
    """Their order is kept, and they lie nearer to one another than those of the experiments alone."""
    rng = np.random.default_rng(5)
    means = rng.normal(size=(8, 4)) * np.linspace(0.5, 1.5, 8)[:, None]
    shrunken, freedom = seed_variances(means)
    rest = means - means.mean(axis=0)
    rest -= rest.mean(axis=1, keepdims=True)
    spread = (rest**2).sum(axis=1) / 3 * 8 / 7
    own = np.maximum((spread - spread.mean() / 8) * 8 / 6, 0.05 * spread.mean())
    alike = freedom > 0
    assert (np.argsort(shrunken[alike]) == np.argsort(own[alike])).all()
    assert np.ptp(shrunken[alike]) < np.ptp(own[alike])
    assert (freedom <= 7 * 3).all()


def test_the_variance_of_experiments_is_found_without_what_seeds_do_to_all():
    """Averaged over many runs, whose seeds shift every experiment alike, it is what was put in, or somewhat more."""
    rng = np.random.default_rng(6)
    collected = []
    for _ in range(400):
        means = 10 * rng.normal(size=(1, 6)) + rng.normal(size=(5, 6))
        collected.append(seed_variances(means)[0])
    assert 1.0 <= np.mean(collected) <= 1.5


def test_an_experiment_unlike_the_others_keeps_its_own_variance(monkeypatch):
    rng = np.random.default_rng(8)
    means = rng.normal(size=(6, 8))
    means[2] *= 30
    shrunken, freedom = seed_variances(means)
    assert freedom[2] == 0
    assert (np.delete(freedom, 2) > 0).all()
    monkeypatch.setattr(shrinkage, "OUTLIER", np.inf)
    assert seed_variances(means)[0][2] < shrunken[2]
    parts = components(Sums(means))
    assert parts.prior.min() > 0


@pytest.mark.parametrize("shape", [(3, 5), (8, 1)])
def test_few_experiments_and_one_seed_are_not_shrunken(shape):
    shrunken, freedom = seed_variances(np.random.default_rng(0).normal(size=shape))
    assert not shrunken.any()
    assert not freedom.any()


def test_experiments_that_seeds_change_alike_have_no_variance():
    means = np.linspace(0.5, 0.9, 5)[:, None] + np.array([0.0, 0.1, 0.05])
    assert not seed_variances(means)[0].any()
