/** Typed query parameters. A parameter given twice is refused; unknown ones are ignored (wire-api A.0). */
import { CodedError } from "../base/errors.js";
import { parseUuid, type Uuid } from "../base/ids.js";

export function optionalText(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name);
  if (values.length > 1) throw invalid(name, "is given more than once");
  return values[0] ?? null;
}

export function optionalUuid(query: URLSearchParams, name: string): Uuid | null {
  const text = optionalText(query, name);
  if (text === null) return null;
  const id = parseUuid(text);
  if (id === null) throw invalid(name, "must be a UUID");
  return id;
}

export function requiredUuid(query: URLSearchParams, name: string): Uuid {
  const id = optionalUuid(query, name);
  if (id === null) throw new CodedError("MISSING_REQUIRED_FIELD", `query parameter ${name} is required`);
  return id;
}

/** A decimal integer of `min` or more; larger than `max` is cut to it. */
export function cappedInteger(
  query: URLSearchParams,
  name: string,
  bounds: { readonly default: number; readonly min: number; readonly max: number },
): number {
  const text = optionalText(query, name);
  if (text === null) return bounds.default;
  if (!/^\d{1,20}$/.test(text)) throw invalid(name, "must be a non-negative integer");
  const value = Number(text);
  if (value < bounds.min) throw invalid(name, `must be at least ${bounds.min}`);
  return Math.min(value, bounds.max);
}

/** Keys of one answer; what follows is asked for with its `next`. */
export const KEYS_LIMIT = { default: 1000, min: 1, max: 1000 };

function invalid(name: string, problem: string): CodedError {
  return new CodedError("INVALID_FIELD_VALUE", `query parameter ${name} ${problem}`);
}
