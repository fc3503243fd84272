/** What the operations of the OpenAPI document are made of. */

export type Json = Record<string, unknown>;

export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
export const uuid: Json = { type: "string", format: "uuid" };
export const object = (required: readonly string[], properties: Json): Json => ({
  type: "object",
  required,
  properties,
});
export const list = (name: string, member: string, more: Json = {}): Json =>
  object([member, "count", ...Object.keys(more)], {
    [member]: { type: "array", items: ref(name) },
    count: { type: "integer" },
    ...more,
  });

export function query(name: string, schema: Json, description: string, required = false): Json {
  return { name, in: "query", required, schema, description };
}

export function pathParameter(name: string, description: string): Json {
  return { name, in: "path", required: true, schema: { type: "string" }, description };
}

export const TENANT = query("tenant_id", uuid, "Tenant.", true);
export const STORE = query("store_id", uuid, "Store.", true);
export interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Json[];
  readonly body?: Json;
  readonly answer: Json;
  readonly isPublic?: boolean;
  readonly mediaType?: string;
}

export function operation(spec: Operation): Json {
  return {
    summary: spec.summary,
    ...(spec.isPublic ? { security: [] } : {}),
    ...(spec.parameters === undefined ? {} : { parameters: spec.parameters }),
    ...(spec.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: spec.body } } } }),
    responses: {
      "200": { description: "OK", content: { [spec.mediaType ?? "application/json"]: { schema: spec.answer } } },
      default: { description: "Refused", content: { "application/problem+json": { schema: ref("Problem") } } },
    },
  };
}
