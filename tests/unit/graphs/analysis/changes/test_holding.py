"""Locks that are held while somebody else is asked."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff

HARMFUL: dict[str, tuple[str, set[str]]] = {
    "ruby asked in a transaction": (
        (
            "@@ app/pay.rb @@\n"
            '-    charge = Http.post("/charges", body)\n'
            "     Order.transaction do\n"
            '+      charge = Http.post("/charges", body)\n'
            "       order.update!(charge: charge)\n"
        ),
        {"blocking"},
    ),
    "python asked in a transaction": (
        (
            "@@ app/pay.py @@\n"
            "+    with transaction.atomic():\n"
            "+        charge = requests.post(CHARGES, json=body)\n"
            "+        order.save(charge)\n"
        ),
        {"blocking"},
    ),
    "rust lock held while fetching": (
        (
            "@@ src/rates.rs @@\n"
            "-    pub fn rate(&self, code: &str) -> Option<f64> {\n"
            "-        self.rates.load().get(code).copied()\n"
            "+    pub async fn rate(&self, code: &str, feed: &Feed) -> Option<f64> {\n"
            "+        let mut table = self.table.lock().await;\n"
            "+        if table.age() > MAX_AGE {\n"
            "+            table.rates = feed.fetch().await.ok()?;\n"
            "+        }\n"
            "+        table.rates.get(code).copied()\n"
            "     }\n"
        ),
        {"blocking"},
    ),
    "python lock held while asking": (
        (
            "@@ rates.py @@\n"
            "     def rate(self, code):\n"
            "-        return self._rates[code]\n"
            "+        with self._lock:\n"
            "+            if self._expired():\n"
            "+                self._rates = requests.get(self._url).json()\n"
            "+            return self._rates[code]\n"
        ),
        {"blocking"},
    ),
    "go lock held while asking": (
        (
            "@@ rates.go @@\n"
            " func (t *Table) Rate(code string) float64 {\n"
            "+\tt.mu.Lock()\n"
            "+\tdefer t.mu.Unlock()\n"
            "+\tif time.Since(t.read) > maxAge {\n"
            "+\t\tt.rates = t.client.Fetch(ctx)\n"
            "+\t}\n"
            " \treturn t.rates[code]\n"
        ),
        {"blocking"},
    ),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_holds_others_up_is_seen(name: str) -> None:
    diff, kinds = HARMFUL[name]
    heaviest = read_diff(diff).effects[0]
    assert heaviest.kind in kinds
    assert heaviest.weight >= 0.6


FINE = {
    "python place in a pool": (
        "@@ app/repo.py @@\n"
        " async def load(self, key):\n"
        "+    async with self.pool.acquire() as connection:\n"
        "+        return await connection.fetch(QUERY, key)\n"
    ),
    "a lock among processes": (
        "@@ app/nightly.py @@\n"
        " async def nightly(self):\n"
        '+    async with self.locks.lock("nightly"):\n'
        "+        await self.client.fetch(self.url)\n"
    ),
    "go asked after the lock": (
        "@@ app/rates.go @@\n"
        " func (t *Table) Rate(code string) float64 {\n"
        "+\tt.mu.Lock()\n"
        "+\told := t.old()\n"
        "+\tt.mu.Unlock()\n"
        "+\tif old {\n"
        "+\t\tt.rates = t.client.Fetch(ctx)\n"
        "+\t}\n"
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_nobody_waits_for_what_is_asked_without_a_lock_of_this_process(name: str) -> None:
    assert not [one for one in read_diff(FINE[name]).effects if "under a lock" in one.note]
