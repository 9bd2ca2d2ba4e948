"""What is written in another way and means the same weighs little."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff

LITTLE: dict[str, tuple[str, float]] = {
    # name: (diff, the most it may weigh)
    "go loop became a call": (
        (
            "@@ tags.go @@\n"
            "-\thas := false\n"
            "-\tfor _, tag := range tags {\n"
            "-\t\tif tag == wanted {\n"
            "-\t\t\thas = true\n"
            "-\t\t\tbreak\n"
            "-\t\t}\n"
            "-\t}\n"
            "-\tif !has {\n"
            "+\tif !slices.Contains(tags, wanted) {\n"
            " \t\treturn nil\n"
            " \t}\n"
        ),
        0.3,
    ),
    "java loop became a stream": (
        (
            "@@ web/Tags.java @@\n"
            "-        boolean known = false;\n"
            "-        for (Tag tag : tags) {\n"
            "-            if (tag.name().equals(wanted)) {\n"
            "-                known = true;\n"
            "-                break;\n"
            "-            }\n"
            "-        }\n"
            "-        if (!known) {\n"
            "+        if (tags.stream().noneMatch(tag -> tag.name().equals(wanted))) {\n"
            "             return List.of();\n"
            "         }\n"
        ),
        0.3,
    ),
    "an exit taken first": (
        (
            "@@ gate.py @@\n"
            " def admit(ticket, hall):\n"
            "-    if ticket.hall != hall.id:\n"
            '-        log.warning("ticket of hall %s at %s", ticket.hall, hall.id)\n'
            '-        raise WrongHall("other hall")\n'
            "+    if ticket.hall == hall.id:\n"
            "+        return\n"
            '+    log.warning("ticket of hall %s at %s, sent away", ticket.hall, hall.id)\n'
            '+    raise WrongHall("other hall")\n'
        ),
        0.25,
    ),
    "an exit taken first, in go": (
        (
            "@@ gate.go @@\n"
            "-\tif n < limit {\n"
            "-\t\tserve(w, r)\n"
            "-\t\tcount(r)\n"
            "-\t}\n"
            "+\tif n >= limit {\n"
            "+\t\treturn\n"
            "+\t}\n"
            "+\tserve(w, r)\n"
            "+\tcount(r)\n"
            " }\n"
        ),
        0.25,
    ),
    "environment became a settings class": (
        (
            "@@ settings.py @@\n"
            '-ZONE = os.environ.get("ZONE", "north")\n'
            '-VERBOSITY = os.environ.get("VERBOSITY", "warn")\n'
            "+class Settings(BaseSettings):\n"
            '+    zone: str = "north"\n'
            '+    verbosity: str = "warn"\n'
        ),
        0.3,
    ),
    "annotated fields became a record": (
        (
            "@@ web/Span.java @@\n"
            "-@Data\n"
            "-public class Span {\n"
            "-    Instant begin;\n"
            "-    Instant end;\n"
            "-}\n"
            "+public record Span(Instant begin, Instant end) {}\n"
        ),
        0.3,
    ),
    "fields injected by a constructor": (
        (
            "@@ Quotes.java @@\n"
            " public class Quotes {\n"
            "-    @Inject\n"
            "-    private QuoteStore store;\n"
            "+    private final QuoteStore store;\n"
            "+\n"
            "+    public Quotes(QuoteStore store) {\n"
            "+        this.store = store;\n"
            "+    }\n"
        ),
        0.3,
    ),
    "a number from settings": (
        (
            "@@ src/dial.rs @@\n"
            "-const DIAL: Duration = Duration::from_secs(3);\n"
            "-    let conn = timeout(DIAL, connect(addr)).await??;\n"
            "+    let conn = timeout(cfg.net.dial, connect(addr)).await??;\n"
            "@@ conf/net.toml @@\n"
            " [net]\n"
            '+dial_timeout = "3s"\n'
        ),
        0.3,
    ),
    "the same time in another unit": (
        (
            "@@ slots.go @@\n"
            "-const slot = 5 * time.Second\n"
            "+const slotMs = 5000\n"
            " func of(now time.Time) int64 {\n"
            "-\treturn now.UnixNano() / int64(slot)\n"
            "+\treturn now.UnixMilli() / slotMs\n"
            " }\n"
        ),
        0.3,
    ),
    "the default of a fallback": (
        "@@ model.rs @@\n-        self.title.clone().unwrap_or(String::new())\n+        self.title.clone().unwrap_or_default()\n",
        0.3,
    ),
    "escaped text": (
        "@@ page.ts @@\n-  return `<h1>${shop.name}</h1>`;\n+  return `<h1>${escape(shop.name)}</h1>`;\n",
        0.3,
    ),
    "another type answers": (
        (
            "@@ web/Faults.java @@\n"
            "-    Response<String> broken(ParseException e) {\n"
            '-        return Response.badRequest().body("cannot read that");\n'
            "+    Problem broken(ParseException e) {\n"
            "+        var problem = Problem.of(Status.BAD_REQUEST);\n"
            '+        problem.setTitle("cannot read that");\n'
            "+        return problem;\n"
            "     }\n"
        ),
        0.3,
    ),
    "sent in batches": (
        (
            "@@ publish.ts @@\n"
            "-  for (const event of events) {\n"
            "-    await bus.send(new PutEvent({ Bus: name, Detail: JSON.stringify(event) }));\n"
            "-  }\n"
            "+  for (const part of chunks(events, 25)) {\n"
            "+    await bus.send(new PutEvents({ Bus: name, Entries: part.map((one) => ({ Detail: JSON.stringify(one) })) }));\n"
            "+  }\n"
        ),
        0.35,
    ),
    "a label on a counter": (
        (
            "@@ Gate.java @@\n"
            "-            refused.increment();\n"
            '+            refused("late", trip.line()).increment();\n'
            "             return false;\n"
        ),
        0.3,
    ),
    "cases as a table": (
        (
            "@@ codes.go @@\n"
            "-func stateOf(code string) State {\n"
            "-\tswitch code {\n"
            '-\tcase "A1":\n'
            "-\t\treturn Open\n"
            '-\tcase "B2", "B3":\n'
            "-\t\treturn Closed\n"
            "-\t}\n"
            "-\treturn Unknown\n"
            "-}\n"
            "+var states = map[string]State{\n"
            '+\t"A1": Open,\n'
            '+\t"B2": Closed, "B3": Closed,\n'
            "+}\n"
            "+\n"
            "+func stateOf(code string) State {\n"
            "+\tif s, ok := states[code]; ok {\n"
            "+\t\treturn s\n"
            "+\t}\n"
            "+\treturn Unknown\n"
            "+}\n"
        ),
        0.3,
    ),
}


@pytest.mark.parametrize("name", LITTLE)
def test_what_means_the_same_weighs_little(name: str) -> None:
    diff, most = LITTLE[name]
    reading = read_diff(diff)
    assert reading.weight <= most, reading.effects[0]
