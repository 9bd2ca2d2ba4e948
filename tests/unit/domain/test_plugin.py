from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.actions import shop_rollout_undo, webhook
from app.actions.shop_client import ShopSettings
from app.domain.errors import Misconfigured
from app.domain.plugin import checked_address

NO_ADDRESSES = [
    "http://[::1",
    "http://a:99999",
    "http://a:x",
    "http://a:-1",
    "http://a:0",
    "http://[zz]/",
    "http://a\nb",
    "http://\ud800",
    "http://",
    "ftp://a",
    "a:9400",
]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9400", "https://automation.example.com/hook?x=1", "http://[::1]:9400/"])
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert checked_address(url, variable="X", example="http://a") == url


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_an_address_that_is_none_is_named_at_start(url: str) -> None:
    with pytest.raises(Misconfigured, match="FIRSTMATE_SHOP_URL must be an http or https address, such as"):
        shop_rollout_undo.ACTION.open(ShopSettings(url=url))
    secret = SecretStr("sixteen characters and more")
    with pytest.raises(Misconfigured, match="FIRSTMATE_WEBHOOK_ACTION_URL must be"):
        webhook.ACTION.open(webhook.Settings(url=url, secret=secret))
    with pytest.raises(Misconfigured, match="FIRSTMATE_WEBHOOK_ACTION_STATE_URL must be"):
        webhook.ACTION.open(webhook.Settings(url="https://a", state_url=url, secret=secret))
