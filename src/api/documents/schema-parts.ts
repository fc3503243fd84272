/** What the schemas of both documents are made of. */
import { AGENT_KEY_ID_MAX } from "../../protocol/envelope.js";

export type Json = Record<string, unknown>;

export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
export const orNull = (schema: Json): Json => ({ anyOf: [schema, { type: "null" }] });

export const UUID: Json = { type: "string", format: "uuid" };
export const TIME: Json = { type: "string", format: "date-time" };
/** `maxLength` counts characters. */
export const BYTES = "At most as many bytes of UTF-8.";
export const COUNT: Json = { type: "integer", minimum: 0 };
export const U32: Json = { ...COUNT, maximum: 2 ** 32 - 1 };
export const KEY_ID: Json = { ...COUNT, maximum: AGENT_KEY_ID_MAX };
export const HASH: Json = { type: "string", pattern: "^[0-9a-f]{64}$" };

export const object = (required: readonly string[], properties: Json): Json => ({
  type: "object",
  required,
  properties,
});
/** All members are always there. */
export const whole = (properties: Json): Json => object(Object.keys(properties), properties);
export const list = (name: string, member: string, more: Json = {}): Json =>
  object([member, "count", ...Object.keys(more)], {
    [member]: { type: "array", items: ref(name) },
    count: { type: "integer" },
    ...more,
  });
