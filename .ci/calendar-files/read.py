"""Reads a calendar file on standard input with icalendar, and writes what it means as JSON."""

import json
import sys

from icalendar import Calendar

calendar = Calendar.from_ical(sys.stdin.buffer.read())


def instant(event, name):
    return event.decoded(name).strftime("%Y-%m-%dT%H:%M:%SZ")


events = [
    {
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "start": instant(event, "DTSTART"),
        "end": instant(event, "DTEND"),
        "changed": instant(event, "DTSTAMP"),
        "status": str(event["STATUS"]),
        "summary": str(event["SUMMARY"]),
        "location": str(event["LOCATION"]),
    }
    for event in calendar.walk("VEVENT")
]
json.dump({"method": str(calendar["METHOD"]), "events": events}, sys.stdout)
