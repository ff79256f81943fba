"""Hours as instants, told once more and in another way: minute by minute, on a line of two years.

Reads rules, one a line, as oracle.rs writes them; writes for each the stretches that are open, in
minutes since 2026-06-29T00:00Z. Needs nothing but Python 3.9 and a database of time zones. Where
python-dateutil is there, templates are also expanded by its rrule and Easter by its easter, and
both must say the same.
"""

import re
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

try:
    from dateutil.easter import easter
    from dateutil.rrule import WEEKLY, rrule
except ImportError:
    easter = rrule = None

ORIGIN = datetime(2026, 6, 29, tzinfo=timezone.utc)
FIRST, END = date(2026, 7, 1), date(2028, 7, 1)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DATES = [FIRST + DAY * n for n in range((END - FIRST).days)]

# As published; the computus under test is not asked.
EASTER = {2026: date(2026, 4, 5), 2027: date(2027, 3, 28), 2028: date(2028, 4, 16)}
FIXED = {"new_year": (1, 1), "labour_day": (5, 1), "victory_day": (5, 8), "national_day": (7, 14),
         "assumption": (8, 15), "all_saints": (11, 1), "armistice": (11, 11), "christmas": (12, 25)}
MOVABLE = {"easter_monday": 1, "ascension": 39, "whit_monday": 50}
OWN = {"guadeloupe": {"abolition_guadeloupe": (5, 27)}, "reunion": {"abolition_reunion": (12, 20)}}

if easter:
    assert all(easter(year) == day for year, day in EASTER.items())


def holidays(calendar, open_on):
    days = set()
    if calendar == "none":
        return days
    for year, sunday in EASTER.items():
        for name, (month, day) in {**FIXED, **OWN.get(calendar, {})}.items():
            if name not in open_on:
                days.add(date(year, month, day))
        for name, after in MOVABLE.items():
            if name not in open_on:
                days.add(sunday + DAY * after)
    return days


def read_hours(text):
    return [tuple(map(int, part.split("-"))) for part in text.split(",") if part]


def read_week(text):
    return [read_hours(day) for day in text.split("/")]


def read_date(text):
    return None if text == "-" else date.fromisoformat(text)


def template_days(start, until, every, anchor):
    """The dates on which a template counts: from its anchor's Monday in steps of whole weeks."""
    start, until = max(start or FIRST, FIRST), min(until or END - DAY, END - DAY)
    monday = anchor or FIRST
    while monday.weekday() != 0:
        monday -= DAY
    step = DAY * 7 * every
    while start < monday:
        monday -= step
    days, begin = set(), monday
    while monday <= until:
        days.update(day for n in range(7) if start <= (day := monday + DAY * n) <= until)
        monday += step
    if rrule:
        dtstart = datetime(begin.year, begin.month, begin.day)
        last = datetime(until.year, until.month, until.day)
        rule = rrule(WEEKLY, interval=every, dtstart=dtstart, until=last, byweekday=range(7), wkst=0)
        assert days == {day.date() for day in rule if start <= day.date()}
    return days


class Clock:
    """When the local clock first shows a time, or has passed it."""

    def __init__(self, zone):
        self.zone = ZoneInfo(zone)
        self.offsets = {}

    def offset(self, day):
        """Minutes ahead of UTC around a date; none where the clocks change."""
        if day not in self.offsets:
            noons = [datetime(d.year, d.month, d.day, 12, tzinfo=self.zone)
                     for d in (day - DAY, day, day + DAY * 2)]
            offsets = {noon.utcoffset() for noon in noons}
            self.offsets[day] = offsets.pop() if len(offsets) == 1 else None
        return self.offsets[day]

    def first(self, day, minute):
        local = datetime(day.year, day.month, day.day) + MINUTE * minute
        offset = self.offset(day)
        if offset is not None:
            instant = local.replace(tzinfo=timezone.utc) - offset
        else:
            # One minute after the other, and a look at the clock.
            instant = local.replace(tzinfo=self.zone).astimezone(timezone.utc) - MINUTE * 300
            while instant.astimezone(self.zone).replace(tzinfo=None) < local:
                instant += MINUTE
        return (instant - ORIGIN) // MINUTE


CLOCKS = {}


def stretches(line):
    zone, week, templates, exceptions, absences, calendar, open_on = line.split("|")
    if zone not in CLOCKS:
        CLOCKS[zone] = Clock(zone)
    clock = CLOCKS[zone]
    week = read_week(week)
    hours = {day: list(week[day.weekday()]) for day in DATES}
    for template in filter(None, templates.split("~")):
        start, until, every, anchor, own = template.split("!")
        own = read_week(own)
        for day in template_days(read_date(start), read_date(until), int(every), read_date(anchor)):
            hours[day] += own[day.weekday()]
    for day in holidays(calendar, open_on.split(",")):
        hours[day] = []
    for exception in filter(None, exceptions.split("~")):
        day, own = exception.split("!")
        hours[date.fromisoformat(day)] = read_hours(own)
    line = bytearray(((END - FIRST).days + 4) * 24 * 60)
    for day in DATES:
        for start, end in hours[day]:
            start, end = clock.first(day, start), clock.first(day, end)
            line[start:end] = b"\1" * max(end - start, 0)
    for absence in filter(None, absences.split("~")):
        start, until = absence.split("!")
        start = int(start[1:]) if start[0] == "@" else clock.first(date.fromisoformat(start), 0)
        until = (int(until[1:]) if until[0] == "@"
                 else clock.first(date.fromisoformat(until), 24 * 60))
        start, until = max(start, 0), min(until, len(line))
        line[start:until] = bytes(max(until - start, 0))
    return [f"{run.start()}-{run.end()}" for run in re.finditer(b"\1+", line)]


print("dateutil" if rrule else "alone")
for line in sys.stdin:
    print(" ".join(stretches(line.rstrip("\n"))), flush=True)
