"""Whether two samples of durations lie apart, whatever their shape (Mann and Whitney)."""


def mann_whitney_z(one: list[float], other: list[float]) -> float:
    """How far the ranks lie apart, in standard deviations (normal approximation)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    u = sum(rank for rank, (_, side) in enumerate(ranked, 1) if side == 0) - len(one) * (len(one) + 1) / 2
    mean = len(one) * len(other) / 2
    return abs(u - mean) / (len(one) * len(other) * (len(one) + len(other) + 1) / 12) ** 0.5
