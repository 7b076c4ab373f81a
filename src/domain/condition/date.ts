/** A date of a policy or a request. `instant` in milliseconds since the epoch, as UTC when it has no zone. */
export interface ParsedInstant {
  readonly instant: number;
  readonly zoned: boolean;
}

const SHAPE = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3}))?(Z|[+-]\d{2}:\d{2})?$/;

/** Reads a date strictly as C6 says; null when it is anything else, such as 30 February or a lower-case `t`. */
export function parseInstant(text: string): ParsedInstant | null {
  const match = text.length > 32 ? null : SHAPE.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const date = { year: Number(year), month: Number(month), day: Number(day) };
  const time = { hour: Number(hour), minute: Number(minute), second: Number(second) };
  const offset = zoneOffset(zone);
  if (!isCalendarDate(date) || time.hour > 23 || time.minute > 59 || time.second > 59 || offset === null) return null;
  const seconds = ((time.hour * 60 + time.minute) * 60 + time.second) * 1000;
  const milliseconds = Number((fraction ?? "").padEnd(3, "0"));
  return { instant: daysSinceEpoch(date) * 86_400_000 + seconds + milliseconds - offset, zoned: zone !== undefined };
}

/** The canonical text of an instant: UTC, milliseconds only when there are any. */
export function formatInstant(instant: number): string {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

function isCalendarDate({ year, month, day }: CalendarDate): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (lengths[month - 1] ?? 0);
}

/** Proleptic Gregorian; `Date.UTC` reads the years 0–99 as 1900–1999. */
function daysSinceEpoch({ year, month, day }: CalendarDate): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 86_400_000;
}

/** Milliseconds to take off; 0 for `Z` and for no zone at all; null when out of range. */
function zoneOffset(zone: string | undefined): number | null {
  if (zone === undefined || zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
