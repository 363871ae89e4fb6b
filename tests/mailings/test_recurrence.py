import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailings.recurrence import Occurrences, Periodicity, instant, occurrences
from tests.recipes import moment

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
# With and without DST, on both hemispheres, with a DST of half an hour.
ZONES = [
    BERLIN,
    NEW_YORK,
    ZoneInfo("Europe/Moscow"),
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("America/Santiago"),
]
REPEATING = [Periodicity.DAILY, Periodicity.WEEKLY, Periodicity.MONTHLY]
MONTH_END = Periodicity.MONTH_END


def local(text: str, zone: tzinfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def walls(series: Occurrences, zone: tzinfo = BERLIN, *, first: int = 100) -> list[str]:
    """What the clocks of the zone show at each occurrence."""
    return [f"{m.astimezone(zone):%Y-%m-%d %H:%M}" for m in islice(series, first)]


# --- examples ---


@pytest.mark.parametrize("start", ["2026-11-15 10:00", "2026-11-30 09:00"])
def test_the_last_day_of_each_month_begins_with_the_one_after_the_start(
    start: str,
) -> None:
    anchor = local(start)
    clock = start[-5:]
    assert walls(occurrences(anchor, MONTH_END, BERLIN), first=5) == [
        f"{day} {clock}"
        for day in (
            "2026-11-30",
            "2026-12-31",
            "2027-01-31",
            "2027-02-28",
            "2027-03-31",
        )
    ]


def test_the_last_days_after_a_moment_are_those_of_the_whole_series() -> None:
    anchor = local("2026-02-10 09:00")
    whole = list(
        occurrences(anchor, MONTH_END, BERLIN, until=local("2031-01-01 00:00"))
    )
    assert len(whole) == 59
    for after in (whole[0], whole[7] - timedelta(seconds=1), whole[30]):
        rest = list(
            occurrences(
                *(anchor, MONTH_END, BERLIN),
                after=after,
                until=local("2031-01-01 00:00"),
            )
        )
        assert rest == [each for each in whole if each > after]


@pytest.mark.parametrize(
    ("year", "february"), [(2026, "02-28"), (2028, "02-29"), (2100, "02-28")]
)
def test_the_31st_is_the_last_day_of_a_shorter_month_and_comes_back(
    year: int, february: str
) -> None:
    anchor = local(f"{year}-01-31 09:00")
    assert walls(occurrences(anchor, Periodicity.MONTHLY, BERLIN), first=5) == [
        f"{year}-{day} 09:00" for day in ("01-31", february, "03-31", "04-30", "05-31")
    ]


def test_29_february_monthly_is_the_28th_in_common_years() -> None:
    anchor = local("2028-02-29 09:00")
    series = occurrences(
        anchor, Periodicity.MONTHLY, BERLIN, after=local("2029-01-30 00:00")
    )
    assert walls(series, first=2) == ["2029-02-28 09:00", "2029-03-29 09:00"]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        (BERLIN, "2026-03-28"),
        (BERLIN, "2026-10-24"),
        (NEW_YORK, "2026-03-07"),
        (NEW_YORK, "2026-10-31"),
    ],
)
def test_nine_stays_nine_when_the_clocks_change(zone: tzinfo, day: str) -> None:
    """
    Y20. The clocks change, forward or back.

    Nine o'clock stays nine o'clock.
    """
    anchor = local(f"{day} 09:00", zone)
    series = list(islice(occurrences(anchor, Periodicity.DAILY, zone), 3))
    assert [f"{m.astimezone(zone):%H:%M}" for m in series] == ["09:00"] * 3
    # The night in between had 23 or 25 hours.
    assert series[1] - series[0] != timedelta(days=1) == series[2] - series[1]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        (BERLIN, "2026-03-29", "2026-03-29 01:00"),
        (NEW_YORK, "2026-03-08", "2026-03-08 07:00"),
    ],
)
def test_a_skipped_hour_sends_at_the_first_instant_after_the_gap(
    zone: tzinfo, day: str, expected: str
) -> None:
    """
    Y20. The hour of the mailing is skipped that day.

    It goes out at the first instant after the gap, once.
    """
    assert instant(datetime.fromisoformat(f"{day} 02:30"), zone) == moment(expected)
    assert instant(datetime.fromisoformat(f"{day} 02:00"), zone) == moment(expected)


def test_a_moment_after_the_gap_began_is_still_the_first_one_after_it() -> None:
    wall = datetime.fromisoformat("2026-03-29 02:00:00.500000")
    assert instant(wall, BERLIN) == moment("2026-03-29 01:00")


def test_the_day_after_a_gap_is_back_at_its_time() -> None:
    anchor = local("2026-03-28 02:30")
    assert walls(occurrences(anchor, Periodicity.DAILY, BERLIN), first=3) == [
        "2026-03-28 02:30",
        "2026-03-29 03:00",
        "2026-03-30 02:30",
    ]


def test_a_doubled_hour_sends_once_and_the_first_time() -> None:
    """
    Y20. The hour of the mailing comes twice that day.

    It goes out once, the first time.
    """
    anchor = local("2026-10-24 02:30")
    assert list(islice(occurrences(anchor, Periodicity.DAILY, BERLIN), 3)) == [
        moment("2026-10-24 00:30"),
        moment("2026-10-25 00:30"),
        moment("2026-10-26 01:30"),
    ]


def test_an_anchor_in_the_second_of_a_doubled_hour_is_the_first_occurrence() -> None:
    anchor = moment("2026-10-25 01:30")  # 02:30 in Berlin, for the second time
    assert list(islice(occurrences(anchor, Periodicity.DAILY, BERLIN), 2)) == [
        anchor,
        moment("2026-10-26 01:30"),
    ]


def test_a_day_that_a_zone_left_out_is_not_sent_twice() -> None:
    anchor = local("2011-12-28 00:00", APIA)  # Samoa had no 30 December
    assert walls(occurrences(anchor, Periodicity.DAILY, APIA), APIA, first=4) == [
        "2011-12-28 00:00",
        "2011-12-29 00:00",
        "2011-12-31 00:00",
        "2012-01-01 00:00",
    ]


def test_weekly_keeps_the_day_of_the_week() -> None:
    anchor = local("2026-10-22 18:00")
    assert walls(occurrences(anchor, Periodicity.WEEKLY, BERLIN), first=3) == [
        "2026-10-22 18:00",
        "2026-10-29 18:00",
        "2026-11-05 18:00",
    ]


def test_once_is_once() -> None:
    anchor = local("2026-10-22 18:00")
    assert walls(occurrences(anchor, Periodicity.ONCE, BERLIN)) == ["2026-10-22 18:00"]


@pytest.mark.parametrize("periodicity", [Periodicity.ONCE, *REPEATING])
def test_after_and_until_are_not_inside(periodicity: Periodicity) -> None:
    anchor = local("2026-10-22 18:00")

    def found(**bounds: datetime) -> list[datetime]:
        return list(islice(occurrences(anchor, periodicity, BERLIN, **bounds), 1))

    second = timedelta(seconds=1)
    assert found(until=anchor) == []
    assert found(until=anchor + second) == [anchor]
    assert found(after=anchor - second) == [anchor]
    assert found(after=anchor, until=anchor + timedelta(hours=1)) == []


@pytest.mark.parametrize("periodicity", REPEATING)
def test_half_a_century_later_is_found_without_walking_there(
    periodicity: Periodicity,
) -> None:
    anchor = local("2026-01-31 09:00")
    later = anchor.replace(year=2076)
    began = time.perf_counter()
    for _ in range(100):
        found = next(occurrences(anchor, periodicity, BERLIN, after=later))
    assert time.perf_counter() - began < 0.5
    assert timedelta(0) < found - later <= timedelta(days=31)


@pytest.mark.parametrize("zone", [UTC, NEW_YORK, ZoneInfo("Asia/Tokyo")])
@pytest.mark.parametrize("periodicity", REPEATING)
def test_the_end_of_the_calendar_is_an_end_and_no_error(
    zone: tzinfo, periodicity: Periodicity
) -> None:
    anchor = moment("9999-12-20 09:00")
    found = list(occurrences(anchor, periodicity, zone))
    assert found[0] == anchor
    assert len(found) == {"daily": 12, "weekly": 2, "monthly": 1}[periodicity]


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("clock", ["00:00", "02:30", "09:00", "23:59"])
def test_a_thousand_days_have_one_daily_occurrence_each(
    zone: tzinfo, clock: str
) -> None:
    """
    Y20. A thousand days go by, in several zones.

    Each has one occurrence.
    """
    anchor = local(f"2025-01-01 {clock}", zone)
    series = islice(occurrences(anchor, Periodicity.DAILY, zone), 1_000)
    days = Counter(m.astimezone(zone).date() for m in series)
    assert days == Counter(date(2025, 1, 1) + timedelta(n) for n in range(1_000))


# --- properties ---

moments = st.datetimes(
    datetime(1995, 1, 1),  # noqa: DTZ001 - hypothesis wants it so
    datetime(2060, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda value: value.replace(microsecond=0))
zones = st.sampled_from([*ZONES, APIA, ZoneInfo("Asia/Kathmandu"), UTC])
periodicities = st.sampled_from([*REPEATING, MONTH_END])
spans = st.timedeltas(timedelta(0), timedelta(days=400))


@given(moments, zones, periodicities, spans, spans)
def test_occurrences_rise_strictly_inside_their_bounds(
    anchor: datetime,
    zone: tzinfo,
    periodicity: Periodicity,
    before: timedelta,
    length: timedelta,
) -> None:
    after = anchor - timedelta(days=30) + before
    until = after + length
    found = list(occurrences(anchor, periodicity, zone, after=after, until=until))
    assert all(earlier < later for earlier, later in pairwise(found))
    assert all(after < m < until and m >= anchor for m in found)
    assert all(m.tzinfo is UTC for m in found)


@given(moments, zones, periodicities)
def test_the_clock_shows_the_anchors_time_unless_the_clocks_skip_it(
    anchor: datetime, zone: tzinfo, periodicity: Periodicity
) -> None:
    wanted = anchor.astimezone(zone).time()
    for found in islice(occurrences(anchor, periodicity, zone), 400):
        shown = found.astimezone(zone)
        if shown.time() != wanted:
            # Just after a gap: one second earlier another offset held.
            before = (found - timedelta(seconds=1)).astimezone(zone)
            assert before.utcoffset() != shown.utcoffset()
            assert before.time() < wanted or before.date() < shown.date()


@given(moments, zones, periodicities, spans, spans)
def test_a_restart_at_any_time_goes_on_with_the_same_occurrences(
    anchor: datetime,
    zone: tzinfo,
    periodicity: Periodicity,
    restart: timedelta,
    length: timedelta,
) -> None:
    """
    Y20. Everything is restarted, at any time.

    The same occurrences as without it, none twice, none left out.
    """
    until = anchor + length
    whole = list(occurrences(anchor, periodicity, zone, until=until))
    after = anchor + restart
    rest = list(occurrences(anchor, periodicity, zone, after=after, until=until))
    assert rest == [m for m in whole if m > after]
    for m in whole[:5]:  # an occurrence itself is the usual place to go on from
        rest = list(occurrences(anchor, periodicity, zone, after=m, until=until))
        assert rest == [later for later in whole if later > m]


@given(moments, zones)
def test_an_instant_is_what_the_clocks_show_or_the_end_of_a_gap(
    value: datetime, zone: tzinfo
) -> None:
    wall = value.replace(tzinfo=None)
    found = instant(wall, zone)
    shown = found.astimezone(zone).replace(tzinfo=None)
    assert shown >= wall
    assume(shown == wall)
    # Not shown an hour, half an hour or a day before: the first time of several.
    for earlier in (timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)):
        assert (found - earlier).astimezone(zone).replace(tzinfo=None) != wall
