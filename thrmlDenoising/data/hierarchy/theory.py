"""What is known of the class, in the mean over infinitely many random grammars."""


def p_class(
    noise: float, n_symbols: int, n_synonyms: int, n_layers: int, tuple_size: int = 2
) -> float:
    """p(class) where of every token is known with 1 - noise + noise / v what it is.

    Level by level p becomes [p^s + g (1 - p^s)] / [p^s + f (1 - p^s)] with f = (m v - 1) /
    (v^s - 1) and g = (m - 1) / (v^s - 1), the rules of each level being averaged over (Sclocchi,
    Favero and Wyart, arXiv 2402.16991). There are as many classes as symbols.

    Example:
        >>> [round(p_class(noise, 32, 8, 7), 3) for noise in (0.5, 0.6, 0.7, 0.75, 0.8)]
        [0.983, 0.952, 0.664, 0.113, 0.034]
    """
    v, m, s = n_symbols, n_synonyms, tuple_size
    p, f, g = 1 - noise + noise / v, (m * v - 1) / (v**s - 1), (m - 1) / (v**s - 1)
    for _ in range(n_layers):
        p = (p**s + g * (1 - p**s)) / (p**s + f * (1 - p**s))
    return p
