"""Rewritten code: the one thing that got lost or was altered stands out."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff
from graphs.analysis.changes.reading.words import stem_set

LOST: dict[str, tuple[str, str]] = {
    # name: (diff, what the heaviest effect must be about)
    "builder leaves a feature out": (
        (
            "@@ web/Json.java @@\n"
            "-        this.mapper = new Mapper()\n"
            "-                .registerPlugin(new TimePlugin())\n"
            "-                .set(Feature.REJECT_EMPTY_STRINGS, false)\n"
            "-                .set(Feature.WRITE_ENUMS_AS_NUMBERS, false);\n"
            "+        this.mapper = Mapper.builder()\n"
            "+                .plugin(new TimePlugin())\n"
            "+                .disable(Feature.WRITE_ENUMS_AS_NUMBERS)\n"
            "+                .build();\n"
        ),
        "empty",
    ),
    "options leave a setting out": (
        (
            "@@ src/http.ts @@\n"
            "-const agent = new Agent({\n"
            "-  keepAlive: true,\n"
            "-  maxSockets: 50,\n"
            "-});\n"
            "+const agent = makeAgent()\n"
            "+  .maxSockets(50)\n"
            "+  .build();\n"
        ),
        "alive",
    ),
    "nginx location rewritten": (
        (
            "@@ nginx/site.conf @@\n"
            "-    location /api/ {\n"
            "-        proxy_pass http://api;\n"
            "-        proxy_http_version 1.1;\n"
            "-        proxy_buffering off;\n"
            "-        client_max_body_size 20m;\n"
            "-    }\n"
            "+    location ~ ^/api/ {\n"
            "+        proxy_http_version 1.1;\n"
            "+        proxy_pass http://api;\n"
            "+        proxy_buffering off;\n"
            "+    }\n"
        ),
        "body",
    ),
    "ini section rewritten": (
        (
            "@@ pg/pool.ini @@\n"
            "-pool_mode = transaction\n"
            "-server_reset_query = DISCARD ALL\n"
            "-max_client_conn = 500\n"
            "+max_client_conn = 500\n"
            "+pool_mode = transaction\n"
        ),
        "reset",
    ),
    "published name goes with its annotation": (
        (
            "@@ events/Shipped.java @@\n"
            "-public class Shipped {\n"
            '-    @JsonProperty("parcel_no")\n'
            "-    private String parcelNo;\n"
            '-    @JsonProperty("recipient_ref")\n'
            "-    private String addressee;\n"
            "-}\n"
            "+@SnakeCase\n"
            "+public record Shipped(String parcelNo, String addressee) {}\n"
        ),
        "recipient",
    ),
    "published name goes with its tag": (
        (
            "@@ api/user.go @@\n"
            " type User struct {\n"
            '-\tMail string `json:"email_address"`\n'
            '-\tName string `json:"name"`\n'
            "+\tMail string\n"
            "+\tName string\n"
            " }\n"
        ),
        "email",
    ),
    "published name goes with its attribute": (
        (
            "@@ Api/Quote.cs @@\n"
            '-    [JsonPropertyName("valid_until")]\n'
            "-    public DateTime Expiry { get; set; }\n"
            "+    public DateTime Expiry { get; init; }\n"
        ),
        "valid",
    ),
    "published name of another spelling": (
        (
            "@@ producer/events.py @@\n"
            "     return {\n"
            '-        "warehouse_id": order.depot,\n'
            '-        "lines": lines,\n'
            '+        "depot": order.depot,\n'
            '+        "lines": lines,\n'
            "     }\n"
        ),
        "warehouse",
    ),
    "moved code with another argument": (
        (
            "@@ mail/send.py @@\n"
            "-    message = compose(to, subject, body)\n"
            '-    message.header("List-Unsubscribe", link)\n'
            "-    smtp.deliver(message, durable=True)\n"
            "+    dispatch(to, subject, body, link)\n"
            "@@ mail/dispatch.py @@\n"
            "+def dispatch(to, subject, body, link):\n"
            "+    message = compose(to, subject, body)\n"
            '+    message.header("List-Unsubscribe", link)\n'
            "+    smtp.deliver(message, durable=False)\n"
        ),
        "durable",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_the_odd_one_out_of_what_was_rewritten_stands_out(name: str) -> None:
    diff, about = LOST[name]
    heaviest = read_diff(diff).effects[0]
    assert heaviest.weight >= 0.5
    assert stem_set([about]) <= heaviest.words, heaviest


KEPT: dict[str, tuple[str, float]] = {
    # name: (diff, the most it may weigh)
    "builder with the same settings": (
        (
            "@@ web/Json.java @@\n"
            "-        this.mapper = new Mapper()\n"
            "-                .registerPlugin(new TimePlugin())\n"
            "-                .set(Feature.WRITE_ENUMS_AS_NUMBERS, false);\n"
            "+        this.mapper = Mapper.builder()\n"
            "+                .plugin(new TimePlugin())\n"
            "+                .disable(Feature.WRITE_ENUMS_AS_NUMBERS)\n"
            "+                .build();\n"
        ),
        0.3,
    ),
    "annotated getters became a record of the same names": (
        (
            "@@ events/Shipped.java @@\n"
            "-public class Shipped {\n"
            '-    @JsonProperty("parcel_no")\n'
            "-    private String parcelNo;\n"
            '-    @JsonProperty("sent_at")\n'
            "-    private Instant sentAt;\n"
            "-}\n"
            "+@SnakeCase\n"
            "+public record Shipped(String parcelNo, Instant sentAt) {}\n"
        ),
        0.3,
    ),
    "directives in another order": (
        (
            "@@ nginx/site.conf @@\n"
            "-    location /api/ {\n"
            "-        proxy_pass http://api;\n"
            "-        proxy_buffering off;\n"
            "-    }\n"
            "+    location /api/ {\n"
            "+        proxy_buffering off;\n"
            "+        proxy_pass http://api;\n"
            "+    }\n"
        ),
        0.3,
    ),
    "an added name that may be missing": (
        (
            "@@ api/track.go @@\n"
            " type Track struct {\n"
            ' \tTitle string `json:"title"`\n'
            '+\tLabel string `json:"label,omitempty"`\n'
            " }\n"
        ),
        0.3,
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_settings_that_are_spelt_in_another_way_weigh_little(name: str) -> None:
    diff, most = KEPT[name]
    reading = read_diff(diff)
    assert reading.weight <= most, reading.effects[0]
