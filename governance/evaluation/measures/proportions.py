"""Shares of rows, and the difference of two shares."""

from scipy.stats import binomtest

from governance.evaluation.measures.estimate import Estimate, undefined


def wilson_ends(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion; `n` must be at least 1.

    Wilson 1927, Journal of the American Statistical Association 22.
    """
    ends = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    return float(ends.low), float(ends.high)


def wilson(successes: int, n: int, *, empty: str) -> Estimate:
    """The share `successes / n` with Wilson's interval; undefined, because of `empty`, when n is 0."""
    if n == 0:
        return undefined(empty, method="Wilson", n=0)
    low, high = wilson_ends(successes, n)
    return Estimate(value=successes / n, ci_low=low, ci_high=high, method="Wilson", n=n)


def newcombe_difference(first: int, first_n: int, second: int, second_n: int) -> tuple[float, float]:
    """The 95 % interval of first/first_n - second/second_n, two independent samples.

    Hybrid score interval: Newcombe 1998, Statistics in Medicine 17, method 10.
    """
    one, two = first / first_n, second / second_n
    one_low, one_high = wilson_ends(first, first_n)
    two_low, two_high = wilson_ends(second, second_n)
    low = one - two - ((one - one_low) ** 2 + (two_high - two) ** 2) ** 0.5
    high = one - two + ((one_high - one) ** 2 + (two - two_low) ** 2) ** 0.5
    return low, high
