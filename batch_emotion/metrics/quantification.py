"""How many images of each class there are among many, estimated from their probabilities, with intervals.

Counting predicted classes is biased where the mix is not that of the training: a class that is often taken for another
adds to the other. Probabilistic adjusted classify and count (PACC; Bella et al., ICDM 2010) puts that right by what the
model answers, on average, to held-out images of each class: the shares are those that mix these averages into the
average of the images at hand, in least squares over the simplex. It holds where each class looks as it did there, and
only the mix differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 400
FEWEST = 100
"""Of fewer images than this no mix is estimated."""

WIDE = 0.05
"""A count and an estimate part widely where the one lies outside the other's interval by more than this..."""

TWICE = 0.01
"""... or by more than this where it is also more than twice, or less than half, of what the interval holds."""

_STEPS, _STEPS_OF_DRAWS = 2_000, 300
_NOTHING = 1e-6


class ShareInterval(TypedDict):
    """The estimated share of a class, and the ends of its 95 % interval."""

    share: float
    low: float
    high: float


EstimatedMix = dict[str, ShareInterval]
"""The estimated share of each class, by name."""


class Moments:
    """Count, mean and covariance of probabilities as they go by, in memory that does not grow."""

    def __init__(self, classes: int) -> None:
        self.count = 0
        self._sum = np.zeros(classes)
        self._products = np.zeros((classes, classes))

    def add(self, probabilities: NDArray[np.floating]) -> Moments:
        """Take rows in, float (N, K)."""
        rows = np.asarray(probabilities, np.float64)
        self.count += len(rows)
        self._sum += rows.sum(axis=0)
        self._products += rows.T @ rows
        return self

    def merge(self, other: Moments) -> Moments:
        """Take in what another has taken in."""
        self.count += other.count
        self._sum += other._sum
        self._products += other._products
        return self

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean, float64 (K,)."""
        mean: NDArray[np.float64] = self._sum / self.count
        return mean

    @property
    def error(self) -> NDArray[np.float64]:
        """The covariance of that mean, float64 (K, K)."""
        spread = self._products / self.count - np.outer(self.mean, self.mean)
        error: NDArray[np.float64] = spread / max(self.count - 1, 1)
        return error


@dataclass(frozen=True)
class Shares:
    """The estimated share of each class, and the ends of its interval: three times float64 (K,)."""

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def estimate_shares(seen: Moments, held_out: Sequence[Moments], seed: int = 0) -> Shares:
    """The share of each class among the images that were seen.

    The intervals are percentiles over ``RESAMPLES`` draws of both averages, that of the images and those of the
    held-out images, each from Student's distribution with its mean and covariance: of few images less is known. That
    none of N images is of a class leaves shares below 1 - 0.05 ** (1 / N) possible: no interval at 0 or 1 is narrower.
    Where no mix explains the answers as well as chance allows, the covariances are scaled until one does (Birge 1932).

    Args:
        seen: of the images, more than 0.
        held_out: of held-out images of each class, more than one each, in the order of the probabilities.
        seed: random seed of the draws.
    """
    rng = np.random.default_rng(seed)
    answers = np.stack([each.mean for each in held_out], axis=-1)
    estimate = _mixed(answers[None], seen.mean[None])[0]
    scale = _misfit(seen, held_out, answers, estimate)
    drawn = np.stack([_drawn(each, rng, scale) for each in held_out], axis=-1)
    shares = _mixed(drawn, _drawn(seen, rng, scale), _STEPS_OF_DRAWS)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    unseen = 1 - (1 - LEVEL) ** (1 / seen.count)
    return Shares(
        estimate,
        np.minimum(np.minimum(low, estimate), 1 - unseen),
        np.maximum(np.maximum(high, estimate), unseen),
    )


def estimated_mix(seen: Moments, held_out: Sequence[Moments] | None, class_names: Sequence[str]) -> EstimatedMix | None:
    """The estimated share of each class, ready for JSON; None of too few images, or without held-out ones.

    Args:
        seen: of the images.
        held_out: of held-out images of each class.
        class_names: the classes.
    """
    if held_out is None or seen.count < FEWEST:
        return None
    shares = estimate_shares(seen, held_out)
    return {
        name: {
            "share": round(float(shares.estimate[at]), 6),
            "low": round(float(shares.low[at]), 6),
            "high": round(float(shares.high[at]), 6),
        }
        for at, name in enumerate(class_names)
    }


def widely_apart(counted: dict[str, float], estimated: EstimatedMix) -> list[str]:
    """The classes whose counted share lies far outside the interval of the estimate.

    Args:
        counted: the share of each class by counting predictions.
        estimated: the estimate.
    """
    return [name for name, each in estimated.items() if _parts_widely(counted.get(name, 0.0), each)]


def _parts_widely(count: float, estimate: ShareInterval) -> bool:
    low, high = estimate["low"], estimate["high"]
    outside = max(low - count, count - high)
    return outside > WIDE or (outside > TWICE and (count > 2 * high or 2 * count < low))


def _misfit(
    seen: Moments, held_out: Sequence[Moments], answers: NDArray[np.float64], estimate: NDArray[np.float64]
) -> float:
    """By how much what is left of the mean is more than chance makes it: a reduced chi-square, at least 1.

    Shares are as many as there are answers to explain, so that only those at 0 leave something.
    """
    missing = int((estimate < _NOTHING).sum())
    if not missing:
        return 1.0
    left = (seen.mean - answers @ estimate)[:-1]
    error = seen.error + sum(share**2 * each.error for share, each in zip(estimate, held_out, strict=True))
    return max(1.0, float(left @ np.linalg.pinv(error[:-1, :-1]) @ left) / missing)


def _drawn(moments: Moments, rng: np.random.Generator, scale: float) -> NDArray[np.float64]:
    """Means that the images could have as well, (R, K), where the covariance of the mean is so many times larger."""
    normal = rng.multivariate_normal(np.zeros(len(moments.mean)), scale * moments.error, RESAMPLES, method="eigh")
    freedom = max(moments.count - 1, 1)
    return moments.mean + normal * np.sqrt(freedom / rng.chisquare(freedom, RESAMPLES))[:, None]


def _mixed(answers: NDArray[np.float64], means: NDArray[np.float64], steps: int = _STEPS) -> NDArray[np.float64]:
    """The x (R, K) on the simplex that bring answers @ x (R, K, K) closest to the means (R, K).

    By accelerated projected gradient (FISTA; Beck and Teboulle 2009), begun anew where it turns back (O'Donoghue and
    Candès, arXiv 1204.3982), in at most so many steps.
    """
    gram = np.einsum("rki,rkj->rij", answers, answers)
    aim = np.einsum("rki,rk->ri", answers, means)
    step = 1 / np.linalg.eigvalsh(gram)[:, -1:]
    x = y = np.full(means.shape, 1 / means.shape[1])
    momentum = np.ones((len(means), 1))
    for _ in range(steps):
        nearer = _on_simplex(y - step * (np.einsum("rij,rj->ri", gram, y) - aim))
        turned = ((y - nearer) * (nearer - x)).sum(axis=1, keepdims=True) > 0
        momentum = np.where(turned, 1.0, momentum)
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        y = nearer + (momentum - 1) / faster * (nearer - x)
        moved = float(np.abs(nearer - x).max())
        x, momentum = nearer, faster
        if moved < 1e-7:
            break
    return x


def _on_simplex(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest points whose coordinates are at least 0 and add up to 1 (Held, Wolfe and Crowder 1974)."""
    falling = -np.sort(-points, axis=1)
    over = np.cumsum(falling, axis=1) - 1
    numbers = np.arange(1, points.shape[1] + 1)
    last = (falling - over / numbers > 0).sum(axis=1)
    shift = over[np.arange(len(points)), last - 1] / last
    nearest: NDArray[np.float64] = np.maximum(points - shift[:, None], 0)
    return nearest
