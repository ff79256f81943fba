"""Rules that a JSON schema cannot say, so that what is meant to be right is right.

Bodies that break one of them on purpose are in server/tests/api/hostile.
"""

import json
import os
import urllib.parse
import urllib.request

import schemathesis

# The server, and a calendar that it has.
URL = os.environ["CRENEAU_URL"]
CALENDAR = os.environ["CRENEAU_CALENDAR"]
BYTES = {"name": 200, "address": 300, "department": 64, "specialty": 200, "external_id": 128}
GRID_DEFAULT = 5
STEPS = 128
# Lanes times days times steps of a day are bounded: so many fit every grid and horizon.
LANES = 62


def shortened(value, name=None):
    """Texts are bounded in bytes, and a schema counts characters."""
    if isinstance(value, dict):
        return {key: shortened(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [shortened(part, name) for part in value]
    if isinstance(value, str) and name in BYTES:
        return value if len(value.encode()) <= BYTES[name] else value[: BYTES[name] // 4]
    return value


def once_each(items, key):
    """Reasons have one id each, exceptions one date."""
    return list({item[key]: item for item in items}.values())


def mended_hours(hours):
    """Hours end after they start."""
    return ["-".join(sorted(part.split("-"))) for part in hours if len(set(part.split("-"))) == 2]


def mended(body, grid):
    body = shortened(body)
    if "time_zone" in body:
        body["time_zone"] = "Europe/Paris"
    for exception in body.get("exceptions", []):
        exception["hours"] = mended_hours(exception["hours"])
    for day, hours in body.get("weekly_hours", {}).items():
        body["weekly_hours"][day] = mended_hours(hours)
    if "exceptions" in body:
        body["exceptions"] = once_each(body["exceptions"], "date")
    if "reasons" in body:
        body["reasons"] = once_each(body["reasons"], "id")
        for reason in body["reasons"]:
            longest = STEPS * grid
            reason["duration_minutes"] = min(reason["duration_minutes"], longest)
            if "buffer_minutes" in reason:
                rest = longest - reason["duration_minutes"]
                reason["buffer_minutes"] = min(reason["buffer_minutes"], rest)
    if body.get("lanes"):
        body["lanes"] = min(body["lanes"], LANES)
    return body


def whole(value):
    """A whole number is written without a fraction, which JSON Schema allows."""
    if isinstance(value, dict):
        return {key: whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def free_slot(text):
    """One of the slots that are free, chosen by the request itself, so that holds succeed."""
    query = urllib.parse.urlencode({"reason": "check-up", "limit": 200})
    with urllib.request.urlopen(f"{URL}/v1/calendars/{CALENDAR}/slots?{query}") as answer:
        slots = json.load(answer)["slots"]
    return slots[sum(text.encode()) % len(slots)]["start"] if slots else None


CHANGES = ("POST /v1/calendars", "PATCH /v1/calendars/{calendar_id}")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    # Bodies that are meant to be wrong are left alone.
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    # A cursor is opaque: one that was made up is right by its form alone.
    case.query.pop("cursor", None)
    label = ctx.operation.label
    if label == "GET /v1/calendars/{calendar_id}/slots":
        # It may only be left out where the calendar has a single one.
        case.query.setdefault("reason", "check-up")
    if not isinstance(case.body, dict):
        return
    case.body.pop("cursor", None)
    if label in CHANGES:
        # A calendar that is changed may have the narrowest grid.
        made = label.startswith("POST")
        grid = (case.body.get("grid_minutes") or GRID_DEFAULT) if made else 1
        case.body = mended(whole(case.body), grid)
    elif label in ("POST /v1/holds", "POST /v1/appointments/{appointment_id}/move"):
        start = free_slot(str(case.body))
        if start and len(str(case.body)) % 4:
            case.body["start"] = start
            if label == "POST /v1/holds":
                case.body.update(calendar_id=CALENDAR, reason="check-up")
            else:
                case.body.pop("calendar_id", None)
    else:
        case.body = whole(case.body)
