"""A package of its own name: neural-tangents installs a top-level `tests`, too."""

from beartype import BeartypeConf, beartype

# what `--jaxtyping-packages` checks with: an int is welcome where a float is (PEP 484)
typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
