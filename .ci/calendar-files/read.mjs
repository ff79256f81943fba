// Reads a calendar file on standard input with ical.js, and writes what it means as JSON.

import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")));
const text = (component, name) => component.getFirstPropertyValue(name);
const instant = (time) => time.toJSDate().toISOString().replace(".000Z", "Z");
const events = calendar.getAllSubcomponents("vevent").map((component) => {
  const event = new ICAL.Event(component);
  return {
    uid: event.uid,
    sequence: event.sequence,
    start: instant(event.startDate),
    end: instant(event.endDate),
    changed: instant(text(component, "dtstamp")),
    status: text(component, "status"),
    summary: event.summary,
    location: event.location,
  };
});
process.stdout.write(JSON.stringify({ method: text(calendar, "method"), events }));
