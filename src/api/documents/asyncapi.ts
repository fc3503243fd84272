/** The WebSocket surface as AsyncAPI 3.0, served at /asyncapi.json. */
import { packageVersion } from "../../base/asset-paths.js";
import { REPLAY_PARAMETERS } from "./openapi.js";
import type { Json } from "./schema-parts.js";
import { SCHEMAS } from "./schemas.js";

const queryProperties = Object.fromEntries(
  REPLAY_PARAMETERS.map(({ name, schema, description }) => [name, { ...(schema as Json), description }]),
);

const channel = (address: string): Json => ({
  address,
  description:
    "One JSON text frame per entry, offsets ascending and, unfiltered, contiguous; with batch=1 one array per page. " +
    "Credentials as over HTTP: Authorization or x-api-key. Refused before the upgrade with the codes of HTTP: CURSOR_MALFORMED 400, " +
    "CURSOR_IN_FUTURE 416, CURSOR_TOO_OLD 410, LOG_MISMATCH 409, INVALID_FIELD_VALUE 400, 401 and 403 as there, " +
    "TOO_MANY_SUBSCRIBERS 429, SHUTTING_DOWN 503; without an upgrade UPGRADE_REQUIRED 426. Closed with 1001 SHUTTING_DOWN when the " +
    "service goes away, 1008 INVALID_API_KEY or TOKEN_EXPIRED when the API key is revoked or the token expires, 1011 INTERNAL_ERROR " +
    "after a fault, 1013 TOO_MANY_SUBSCRIBERS when all places are taken and a tenant with fewer needs one; without a close frame when the service crashes or pings stay unanswered, also after a message of more than 4 KiB or a broken frame. After each of them the cursor goes on " +
    "behind the last whole frame. What a client sends is ignored. No compression. Browsers offer the subprotocols " +
    "stateset.entries.v1 and stateset.key.<api key>.",
  messages: { entry: { $ref: "#/components/messages/entry" }, page: { $ref: "#/components/messages/page" } },
  bindings: {
    ws: {
      method: "GET",
      query: {
        type: "object",
        properties: { ...queryProperties, batch: { enum: ["0", "1"], default: "0", description: "1 = arrays." } },
      },
    },
  },
});

export const asyncapi: Json = {
  asyncapi: "3.0.0",
  info: { title: "StateSet Sequencer", version: packageVersion, description: "Replay and live tail of the one order." },
  channels: { subscribe: channel("/subscribe"), wsSubscribe: channel("/ws/subscribe") },
  operations: {
    receiveEntries: { action: "send", channel: { $ref: "#/channels/subscribe" } },
    receiveEntriesAlias: { action: "send", channel: { $ref: "#/channels/wsSubscribe" } },
  },
  components: {
    messages: {
      entry: { contentType: "application/json", payload: { $ref: "#/components/schemas/Entry" } },
      page: {
        contentType: "application/json",
        payload: { type: "array", items: { $ref: "#/components/schemas/Entry" } },
      },
    },
    schemas: SCHEMAS,
  },
};
