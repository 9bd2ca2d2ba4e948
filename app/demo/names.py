"""Every name in the shop, in one table, so that the whole shop can be renamed."""

from __future__ import annotations

import re
from dataclasses import dataclass

STOREFRONT, CATALOGUE, CART, CHECKOUT, PAYMENTS = "storefront", "catalogue", "cart", "checkout", "payments"
PROVIDER = "recommender"
PICKS_FLAG, BANNER_FLAG = "personal-picks", "delivery-banner"

SERVICES = (STOREFRONT, CATALOGUE, CART, CHECKOUT, PAYMENTS)
ENTRY_POINT = STOREFRONT
FLAGS = {PICKS_FLAG: CATALOGUE, BANNER_FLAG: STOREFRONT}
"""Each flag and the service whose feature it switches."""
GUARDS = {PICKS_FLAG: (PROVIDER,)}
"""What a flag's feature needs: with the flag off, nobody calls it."""
ALL = (*SERVICES, PROVIDER, *FLAGS)

_ALLOWED = re.compile(r"[a-z][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class Names:
    """What each thing is called in this shop; `Names({})` calls everything as the table above does."""

    renamed: dict[str, str]

    @classmethod
    def parse(cls, pairs: list[str]) -> Names:
        """From `old=new` arguments. Raises ValueError with a sentence when one can't be used."""
        renamed: dict[str, str] = {}
        for pair in pairs:
            old, _, new = pair.partition("=")
            if old not in ALL:
                raise ValueError(f"--rename {pair}: the shop has no {old!r}; it has {', '.join(ALL)}")
            if not _ALLOWED.fullmatch(new):
                raise ValueError(f"--rename {pair}: a name is lower-case letters, digits and dashes, beginning with a letter")
            renamed[old] = new
        names = cls(renamed)
        if len({names(old) for old in ALL}) != len(ALL):
            raise ValueError("--rename: two things would have the same name; give each its own")
        return names

    def __call__(self, name: str) -> str:
        return self.renamed.get(name, name)

    def in_text(self, text: str) -> str:
        """`text` with the table's names replaced where they stand alone in quotes, as they do in the services' sources."""
        return re.sub(r'"([a-z-]+)"', lambda m: f'"{self(m.group(1))}"', text)
