"""How texts are taken apart for searching, so that one spelling of a word finds the other. Pure.

In the prose of a play "o'er" is "over", "poison'd" is "poisoned", "'tis" is "it is" and "i' the"
is "in the", whichever is written and whichever is asked for. Letters count without case and
accents, apostrophes are one whatever their shape, possessives lose their ending. Second persons
(`thou know'st`, `knowest`) stay as they are. Nothing is left out, so phrases keep their distances,
and what is found is shown as it was written: a contraction lights up whole, or in the part that
stands for the word.

All of it stands in an index's own settings: no file and no plugin is needed on a node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Names of analysers: prose in any spelling, the same by its stems, as written, names; and of the
#: normaliser by which names are sorted and compared whole.
PROSE, STEMS, EXACT, NAME, SORTABLE = "prose", "stems", "exact", "name", "sortable"

#: U+02BC, a letter to the tokenizer. Apostrophes that are part of a word become one; what is left
#: are quotation marks.
_A = "\u02bc"
_MARK = "['\u2018\u2019\u201b\u0060\u00b4\u02bc\uff07]"
_BEGIN, _END = r"(?<!\p{L})", r"(?!\p{L})"
#: Words with a letter missing in front or at the end.
_BEHIND = (
    "tis|twas|twere|twill|twould|twixt|tween|em|ll|lt|rt|re|ve|m|ld|ldst|d|dst|st|s|t|a|gainst|"
    "scap(?:e|es|ed|.d)|fore|mong|mongst|bove|bout|gins|gan|greed|rested|longs|larum|haviou?r|"
    "prentices?|pothecary|scuse|oman|cause|neath|faith"
)
_BEFORE = "o|i|th|a|ha|wi"
_APOSTROPHES = (
    rf"(?<=\p{{L}}){_MARK}(?=\p{{L}})",
    rf"{_BEGIN}{_MARK}(?=(?:{_BEHIND}){_END})",
    rf"(?<={_BEGIN}(?:{_BEFORE})){_MARK}{_END}",
)

#: Words that stand in front of a contracted verb; elsewhere `'d` is a past and `'s` a possessive.
_SUBJECTS = "i|you|ye|he|she|it|we|they|thou|who|that|there"
_PRESENT = f"{_SUBJECTS}|what|here|where|how|all|when|why"
#: `'t` after an n is "it" in these and "not" in any other, as in "don't".
_IT_AFTER_N = "in|on|upon|an|open|seen|given|began|contain|entertain|imprison|pardon|when|then"
#: Contractions with an `'t` of their own.
_ODD_T = "ha|wo|woo"
#: The apostrophes at which a contraction is cut into its two words. No letter is moved, so that
#: what is found is lit up exactly.
_CUTS = (
    rf"(?<=\p{{L}}){_A}(?=(?:ll|lt|re|rt|ve|m|ld|ldst){_END})",
    rf"(?<={_BEGIN}(?:{_SUBJECTS})){_A}(?=(?:d|dst|st){_END})",
    rf"(?<={_BEGIN}(?:{_PRESENT})){_A}(?=s{_END})",
    rf"(?<=\p{{L}}[\p{{L}}&&[^n]])(?<!{_BEGIN}(?:{_ODD_T})){_A}(?=t{_END})",
    rf"(?<={_BEGIN}(?:{_IT_AFTER_N})){_A}(?=t{_END})",
)
#: Those that stay with the first of the two words: th'other, i'faith, o'th'.
_CUTS_AFTER = (
    rf"(?<={_BEGIN}(?:i|th)){_A}(?=\p{{L}})",
    rf"(?<={_BEGIN}o){_A}(?=th)",
)

#: What stands for what; counted in the 38 plays, the frequent ones first.
_WORDS = """
'tis, tis => it is
'twas, twas => it was
'twere, twere => it were
'twill => it will
'twould, twould => it would
'twixt => betwixt
'tween => between
'em => them
'll => will
'lt => wilt
'rt => art
're => are
've => have
'm => am
'ld, 'd => would
'ldst, 'dst => wouldst
'st => hast
's => is
't => it
o' => of
i' => in
th' => the
a' => he
'a => he, a
ha' => have
ha't => have it
wi' => with
wo't, woo't => wilt
o'er, oer => over
ne'er, neer => never
e'er => ever
e'en => even
ne'ertheless => nevertheless
moreo'er => moreover
let's => let us
t'other => the other
by'r => by our
'gainst => against
'scape => escape
'scaped, 'scap'd => escaped
'scapes => escapes
'fore => before
'mongst => amongst
'mong => among
'bove => above
'bout => about
'gins => begins
'gan => began
'greed => agreed
'rested => arrested
'longs => belongs
'larum => alarum
'havior, 'haviour => behaviour
'prentice => apprentice
'prentices => apprentices
'pothecary => apothecary
'scuse => excuse
'oman => woman
'cause => because
'neath => beneath
can't => cannot
don't => do not
won't => will not
shan't => shall not
isn't => is not
aren't => are not
wasn't => was not
weren't => were not
doesn't => does not
didn't => did not
haven't => have not
hasn't => has not
hadn't => had not
wouldn't => would not
couldn't => could not
shouldn't => should not
do'st => dost
can'st => canst
did'st => didst
could'st => couldst
would'st => wouldst
should'st => shouldst
burthen => burden
murther => murder
murtherer => murderer
vild => vile
honor => honour
favor => favour
color => colour
"""

#: The rest follows rules: pattern and replacement, on words that still have an apostrophe.
_RULES: tuple[tuple[str, str, str], ...] = (
    ("quote", f"^{_A}+|{_A}+$", ""),
    ("possessive", f"{_A}s$", ""),
    ("over", f"^o{_A}er", "over"),  # o'erlook'd
    ("ever", f"e{_A}er$", "ever"),  # whate'er, wheresoe'er
    ("soever", f"so{_A}er$", "soever"),  # whereso'er
    ("taken", f"ta{_A}en$", "taken"),  # mista'en
    ("past", f"e?{_A}d(st)?$", "ed$1"),  # poison'd, fee'd, call'dst
    ("est", f"(e?e)?{_A}st$", "$1est"),  # know'st, great'st
    ("eest", "eeest$", "eest"),  # see'st
    ("en", f"{_A}n$", "en"),  # fall'n, stol'n
    ("article", f"^(?:[cdjlmnt]|qu){_A}(?=\\p{{L}}{{2}})", ""),  # l'envoy, d'angleterre
    ("elision", f"^(\\p{{L}}{{3,}}){_A}(?=\\p{{L}})", "$1e"),  # court'sy, heav'nly, low'ring
    ("rest", _A, ""),  # o'clock
)


def _rule(name: str) -> str:
    return f"apostrophe_{name}"


_FILTERS: dict[str, Any] = {
    "contractions": {
        "type": "synonym_graph",
        "synonyms": [line for line in _WORDS.strip().splitlines() if line],
    },
    "stems": {"type": "stemmer", "language": "light_english"},
    **{
        _rule(name): {"type": "pattern_replace", "pattern": pattern, "replacement": by}
        for name, pattern, by in _RULES
    },
}
_PLAIN = ["lowercase", "asciifolding"]
_PROSE = [*_PLAIN, "contractions", *(_rule(name) for name, _, _ in _RULES)]


def _replace(patterns: tuple[str, ...], by: str) -> dict[str, Any]:
    pattern = "|".join(patterns)
    return {
        "type": "pattern_replace",
        "pattern": pattern,
        "flags": "CASE_INSENSITIVE",
        "replacement": by,
    }


def _analyzer(chars: list[str], filters: list[str]) -> dict[str, Any]:
    return {
        "type": "custom",
        "char_filter": ["underscores", "apostrophes", *chars],
        "tokenizer": "standard",
        "filter": filters,
    }


_CHARS: dict[str, Any] = {
    # Emphasis of Markdown; to the tokenizer it would be a part of the word.
    "underscores": {"type": "mapping", "mappings": ["_ => \\u0020"]},
    "apostrophes": _replace(_APOSTROPHES, _A),
    "cuts": _replace(_CUTS, f" {_A}"),
    "cuts_after": _replace(_CUTS_AFTER, f"{_A} "),
}
_ANALYZERS: dict[str, Any] = {
    PROSE: _analyzer(["cuts", "cuts_after"], _PROSE),
    STEMS: _analyzer(["cuts", "cuts_after"], [*_PROSE, "stems"]),
    EXACT: _analyzer([], [*_PLAIN, _rule("quote")]),
    NAME: _analyzer([], [*_PLAIN, _rule("quote"), _rule("possessive")]),
}
_NORMALIZERS: dict[str, Any] = {SORTABLE: {"type": "custom", "filter": _PLAIN}}


def analysis(fields: Any) -> dict[str, Any]:
    """The settings that these fields of a mapping need: a node builds whatever an index names,
    and keeps it in memory, used or not."""
    named = set(_named(fields))
    analyzers = {name: a for name, a in _ANALYZERS.items() if name in named}
    filters = {name for a in analyzers.values() for name in a["filter"]}
    chars = {name for a in analyzers.values() for name in a["char_filter"]}
    return {
        "analyzer": analyzers,
        "char_filter": {name: c for name, c in _CHARS.items() if name in chars},
        "filter": {name: f for name, f in _FILTERS.items() if name in filters},
        "normalizer": {name: n for name, n in _NORMALIZERS.items() if name in named},
    }


def _named(fields: Any) -> Iterator[str]:
    """Every analyser and normaliser that a mapping names."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _named(value)
        elif name in ("analyzer", "normalizer"):
            yield value
