import { assert } from "../base/assert.js";

/**
 * RFC 3339 as the protocol's `created_at` rule reads it (spec §4.1). `Date.parse` is no substitute: it accepts other forms
 * and rolls impossible dates over. The text itself is what gets hashed and stored; the number is for ordering only.
 */
const MS_PER_DAY = 86_400_000;
const MS_PER_MINUTE = 60_000;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The longest instant that still has a 4-digit year. */
const YEAR_10000_MS = 253_402_300_800_000;
const YEAR_0_MS = -62_167_219_200_000;

const MINUS_SIGN = "\u2212";

/** Digits of a fraction have no end by themselves, and no other bound of an event counts its time. */
const LENGTH_MAX = 64;

/** Unix milliseconds (floor of finer fractions; a leap second counts as second 60), or null when the text is invalid. */
export function parseRfc3339(text: string): number | null {
  if (text.length > LENGTH_MAX) return null;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return null;
  if (text[4] !== "-" || text[7] !== "-" || text[13] !== ":" || text[16] !== ":") return null;
  const separator = text[10];
  if (separator !== "T" && separator !== "t" && separator !== " ") return null;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  // Second 60 is taken in any minute, as the original reader does.
  if (hour > 23 || minute > 59 || second > 60) return null;

  const fractionEnd = text[19] === "." ? endOfDigits(text, 20) : 19;
  if (fractionEnd === 20) return null;
  const offsetMinutes = parseOffset(text, fractionEnd);
  if (offsetMinutes === null) return null;
  const timeMs = ((hour * 60 + minute) * 60 + second) * 1000 + fractionMs(text, fractionEnd);
  return daysFromEpoch(year, month, day) * MS_PER_DAY + timeMs - offsetMinutes * MS_PER_MINUTE;
}

/** False for an instant before year 0 or after 9999: an offset reaches it, and in UTC it has no RFC 3339 form. */
export function hasUtcForm(ms: number): boolean {
  return ms >= YEAR_0_MS && ms < YEAR_10000_MS;
}

/** `YYYY-MM-DDTHH:MM:SS.mmm+00:00`, the form of every timestamp this service writes into receipts (spec §7). */
export function formatRfc3339(ms: number): string {
  if (ms === lastMs) return lastText;
  assert(hasUtcForm(ms), "timestamp outside years 0-9999");
  lastText = `${new Date(ms).toISOString().slice(0, -1)}+00:00`;
  lastMs = ms;
  return lastText;
}

/** Events of one chunk share their time, and each shows it twice: in its frame and in its receipt. */
let lastMs = Number.NaN;
let lastText = "";

/** Value of exactly `count` ASCII digits at `start`, or -1. */
function digits(text: string, start: number, count: number): number {
  let value = 0;
  for (let i = start; i < start + count; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function endOfDigits(text: string, start: number): number {
  let end = start;
  while (digits(text, end, 1) >= 0) end++;
  return end;
}

function fractionMs(text: string, end: number): number {
  let ms = 0;
  for (let i = 20; i < 23; i++) ms = ms * 10 + (i < end ? text.charCodeAt(i) - 0x30 : 0);
  return ms;
}

/** Offset east of UTC in minutes; null unless it is the whole rest of the text and at most 23:59. */
function parseOffset(text: string, start: number): number | null {
  const sign = text[start];
  if (sign === "Z" || sign === "z") return text.length === start + 1 ? 0 : null;
  if (sign !== "+" && sign !== "-" && sign !== MINUS_SIGN) return null;
  const hours = digits(text, start + 1, 2);
  const minutes = digits(text, start + 4, 2);
  if (text.length !== start + 6 || text[start + 3] !== ":") return null;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null;
  const offset = hours * 60 + minutes;
  return sign === "+" ? offset : -offset;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)) return 29;
  return DAYS_IN_MONTH[month - 1]!;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar, exact for years 0-9999 where `Date.UTC` remaps 0-99. */
function daysFromEpoch(year: number, month: number, day: number): number {
  // Years start in March so that the leap day is the last day of the year.
  const marchYear = month > 2 ? year : year - 1;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
