"""Let a link name a label on another page: [ledger](claims.md#claim-s1).

Such a link also works as a link to the file in Jupyter and on a code host. On its own MyST knows
only labels made from headings there, and warns about labels set with `(claim-s1)=`.
"""

from typing import cast

from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment


def add_labels(app: Sphinx, env: BuildEnvironment) -> None:
    """Put the labels that were set by hand beside those that MyST made from headings."""
    labels = cast(StandardDomain, env.get_domain("std")).anonlabels
    for label, (page, anchor) in labels.items():
        slugs = env.metadata[page].setdefault("myst_slugs", {})
        slugs.setdefault(label, (0, anchor, label))


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("env-updated", add_labels)
