"""The report of a check: what it says, that it says it safely, and that it says it without what is missing."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from shared.domain import facts as f
from shared.domain.drift import Then
from shared.domain.profile import BARS, ColumnProfile, Kind, Profile, even_edges
from shared.quarantine import REASONS, Kept
from shared.views.page import Place
from shared.views.plots import Bars, bars_of, drawing
from shared.views.report import ReportView, report_document, report_view
from shared.views.report_page import report_page
from shared.views.style import POLICY_OF_A_FILE
from tests.unit.test_drift import rows, told, watching
from tests.unit.test_quarantine import BAD
from tests.world import World

PLACE = Place(base="/api/ops", code="k&y")
EVIL = '<script>alert("\u202e")</script>'


def view_of(world: World, story: str) -> ReportView:
    found = report_view(world.ledger, world.profiles, world.quarantine, story)
    assert found is not None
    return found


def drifted_world() -> tuple[World, str]:
    """A second batch that is far from the first, with profiles that a plot can be made of."""
    world = World(use_case=watching(Then.WARN, psi="0.1", null_rate="0.1", rows_percent="50"))
    first, _ = told(world, rows(1, 2, 3, 4), "1")
    second, _ = told(world, rows(7, 8, 9, 9), EVIL.replace("/", "-").replace('"', ""))
    edges = even_edges(0, 24)
    heights = tuple(range(BARS + 2))
    before = ColumnProfile(name="x", kind=Kind.NUMBER, bars=edges, heights=heights)
    names = {EVIL: 7, "JFK": 3}
    origin = ColumnProfile(name=EVIL, kind=Kind.CATEGORY, categories={"JFK": 4, "EWR": 2})
    world.profiles.kept[f"profiles/flight_delays/{first}-1.json"] = Profile(rows=325, columns=(before, origin))
    now = replace(before, nulls=30, bars_against=tuple(reversed(heights)))
    columns = (now, replace(origin, categories=names), ColumnProfile(name="other", kind=Kind.OTHER))
    world.profiles.kept[f"profiles/flight_delays/{second}-1.json"] = Profile(rows=325, columns=columns)
    return world, second


def drifted_report() -> str:
    world, story = drifted_world()
    return report_page(view_of(world, story), None)


def failed_report() -> str:
    world = World()
    story = world.land(content=BAD)
    world.run()
    kept = Kept(
        rows=3,
        by_reason={"x to be at least 0": 1, EVIL: 2},
        columns=(REASONS, "origin", EVIL),
        sample=[["x to be at least 0", "JFK", "-1"], [f"{EVIL}; x to be at least 0", EVIL, "2"]],
    )
    return report_page(replace(view_of(world, story), kept=kept), None)


class _Reader(HTMLParser):
    """Tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("page", [drifted_report(), failed_report()], ids=["drifted", "failed"])
def test_page_stands_alone_and_trusts_no_text(page: str) -> None:
    reader = _Reader(page)
    assert {"script", "img", "link", "a", "form", "iframe"} & {tag for tag, _ in reader.tags} == set()
    named = [name for _, attributes in reader.tags for name in attributes]
    assert [name for name in named if name.startswith("on") or name in {"style", "src"}] == []
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", page)
    assert "\u202e" not in page
    (policy,) = [each["content"] for tag, each in reader.tags if tag == "meta" and "http-equiv" in each]
    assert policy == POLICY_OF_A_FILE


def test_it_says_what_was_asked_and_found_and_what_drifted() -> None:
    text = _Reader(drifted_report()).text
    assert "✓ passed: landing/flights/" in text
    assert "x to be at least 0" in text
    assert "none of 4 rows breaks it" in text
    assert "Against version 1" in text
    assert "PSI of x against the baseline at most 0.1" in text
    assert "these 325 rows" in text
    assert "the baseline's 325 rows" in text
    assert "9.2% null" in text
    assert "version 2" in text


def test_what_failed_comes_first_with_its_rows_by_number() -> None:
    text = _Reader(failed_report()).text
    assert text.index("✗ failed") < text.index("What was asked")
    assert "3 rows quarantined: x to be at least 0: 1 rows are not" in text
    assert "2 of 3 rows" in text
    table = text[text.index("Such as") :]
    assert "1JFK-1" in table
    assert "1, 2" in table


def test_on_the_ops_page_it_leads_to_story_and_other_checks_with_the_key() -> None:
    world, story = drifted_world()
    page = report_page(view_of(world, story), PLACE)
    links = [each["href"] for tag, each in _Reader(page).tags if tag == "a"]
    assert f"/api/ops/stories/{story}?code=k%26y" in links
    first = world.ledger.recent(9)[-1].story
    assert f"/api/ops/checks/{first}?generation=1&code=k%26y" in links


def test_it_is_of_the_generation_that_is_asked_for() -> None:
    world = World()
    story = world.land(content=BAD)
    world.run()
    again = replace(world.last(story, f.BatchChecked), generation=2, rows=99)
    world.ledger.record([again])
    found = [report_view(world.ledger, world.profiles, world.quarantine, story, number) for number in (1, 2, None, 3)]
    assert [one and one.checked.rows for one in found] == [3, 99, 99, None]
    assert report_view(world.ledger, world.profiles, world.quarantine, "none") is None


def test_without_profile_or_quarantine_it_says_the_rest() -> None:
    world, story = drifted_world()
    world.profiles.kept.clear()
    page = report_page(view_of(world, story), PLACE)
    assert "How the values are spread" not in page
    assert "PSI of x" in page


def test_batches_that_were_not_committed_stand_among_the_versions() -> None:
    world, second = drifted_world()
    failed, _ = told(world, BAD, "bad")
    last, _ = told(world, rows(1, 2, 3), "last")
    view = view_of(world, last)
    text = _Reader(report_page(view, None)).text
    trend = text[text.index("The versions") :]
    assert trend.index("version 3") < trend.index("not committed, in quarantine") < trend.index("version 2")
    page = report_page(view, PLACE)
    assert f"/api/ops/checks/{failed}?" in page
    document = report_document(view)
    assert [one["story"] for one in document["not_committed"]] == [failed]
    assert [one["story"] for one in document["versions"]][:2] == [last, second]
    own = report_page(view_of(world, failed), None)
    assert "The versions before" in own
    assert "not committed, in quarantine" in own


def test_document_has_what_the_page_has() -> None:
    world, story = drifted_world()
    document = report_document(view_of(world, story))
    assert (document["verdict"], document["drift"], document["outcome"]) == ("passed", "warned", "DataCommitted")
    assert [one["version"] for one in document["versions"]] == [2, 1]
    assert document["expectations"][0]["asked"] == "x to be at least 0"


def test_plot_compares_the_same_cells_and_says_so_to_who_cannot_see() -> None:
    before = ColumnProfile(name="x", kind=Kind.NUMBER, bars=(0.0, 1.0, 2.0), heights=(0, 5, 5, 0))
    now = replace(before, bars=(7.0, 8.0), heights=(0, 9, 1), bars_against=(0, 2, 8, 10))
    assert bars_of(now, before) == Bars(now=(0, 0.1, 0.4, 0.5), was=(0, 0.5, 0.5, 0), labels=("0", "2"))
    assert bars_of(replace(now, bars_against=()), before) == Bars(now=(0, 0.9, 0.1), was=(), labels=("7", "8"))
    assert bars_of(ColumnProfile(name="o", kind=Kind.OTHER), None) is None
    assert bars_of(replace(now, heights=(), bars_against=()), None) is None
    text = drawing(Bars(now=(0.5, 0.5), was=(0.2, 0.8), labels=("a", "b")), "x")
    assert 'aria-label="Distribution of x beside the baseline&#x27;s"' in text
    assert text.count('class="now"') == 2


def test_single_value_and_a_time_are_labelled_as_they_are() -> None:
    one = ColumnProfile(name="x", kind=Kind.NUMBER, bars=(2013.0,), heights=(9, 0))
    assert bars_of(one, None) == Bars(now=(1.0,), was=(), labels=("2,013",))
    later = replace(one, bars_against=(0, 9))
    assert bars_of(later, one) == Bars(now=(0.0, 1.0), was=(1.0, 0.0), labels=("to 2,013", "beyond"))
    less = replace(one, minimum=1999.0, bars_against=(9, 0))
    assert bars_of(less, one) == Bars(now=(1.0,), was=(1.0,), labels=("to 2,013",))
    time = replace(one, is_time=True, bars=(0.0, 86_400.0), heights=(0, 9, 0))
    drawn = bars_of(time, None)
    assert drawn is not None
    assert drawn.labels == ("1970-01-01", "1970-01-02")


def test_most_frequent_categories_are_drawn_of_both() -> None:
    before = ColumnProfile(name="o", kind=Kind.CATEGORY, categories={"gone": 50, **{f"c{n}": 1 for n in range(20)}})
    now = replace(before, categories={"new": 60, **{f"c{n}": 1 for n in range(20)}})
    drawn = bars_of(now, before)
    assert drawn is not None
    assert (drawn.labels[:2], len(drawn.labels)) == (("new", "gone"), 10)
    assert drawn.was[0] == 0
