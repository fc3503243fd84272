/** The log's tree in the OpenAPI document. All of it is public. */
import { type Operation, operation, pathParameter, query } from "./operation.js";
import { COUNT, HASH, type Json } from "./schema-parts.js";

const proof: Json = { type: "array", maxItems: 64, items: HASH };

const CHECKPOINT: Json = {
  type: "object",
  required: ["origin", "size", "root", "cosignatures", "key", "checkpoint"],
  properties: {
    origin: { type: "string", description: "Names the log and its epoch; one origin never has two histories." },
    size: { ...COUNT, description: "Entries covered." },
    root: HASH,
    cosignatures: { ...COUNT, description: "Witnesses whose lines the note carries." },
    key: { type: "string", description: "Key to check the note with: name+id+base64 (C2SP signed-note)." },
    checkpoint: { type: "string", description: "The signed note (C2SP tlog-checkpoint)." },
  },
};

const INCLUSION: Json = {
  type: "object",
  required: ["offset", "size", "root", "leaf", "leaf_hash", "proof"],
  properties: {
    offset: COUNT,
    size: COUNT,
    root: { ...HASH, description: "Of the tree of that size: compare it with a checkpoint, do not trust it." },
    leaf: { type: "string", pattern: "^[0-9a-f]{148}$", description: "Record that commits to the entry." },
    leaf_hash: HASH,
    proof,
  },
};

const CONSISTENCY: Json = {
  type: "object",
  required: ["from", "to", "from_root", "to_root", "proof"],
  properties: { from: COUNT, to: COUNT, from_root: HASH, to_root: HASH, proof },
};

const NEWEST = "absent = the newest checkpoint's.";

const get = (spec: Omit<Operation, "isPublic">): Json => ({ get: operation({ ...spec, isPublic: true }) });

export const TLOG_PATHS: Json = {
  "/tlog/checkpoint": get({
    summary: "The newest checkpoint of the whole log, a signed note.",
    mediaType: "text/plain; charset=utf-8",
    answer: { type: "string" },
  }),
  "/tlog/tile/{level}/{index}": get({
    summary:
      "Hashes of a tile, or leaf records where the level is `entries` (C2SP tlog-tiles). Never changes under one origin.",
    hasEtag: true,
    parameters: [
      pathParameter("level", "0 to 63, or entries."),
      pathParameter(
        "index",
        "067, x001/234/067, or 067.p/112 while the tile has 112 of its 256: further path elements.",
      ),
    ],
    mediaType: "application/octet-stream",
    answer: { type: "string", format: "binary" },
    refusals: ["RESOURCE_NOT_FOUND"],
  }),
  "/api/v1/log/checkpoint": get({ summary: "The newest checkpoint, taken apart.", answer: CHECKPOINT }),
  "/api/v1/log/inclusion": get({
    summary: "That an entry is in the log: RFC 6962 audit path.",
    parameters: [query("offset", COUNT, "Of the entry.", true), query("size", COUNT, `Of the tree; ${NEWEST}`)],
    answer: INCLUSION,
    refusals: ["RESOURCE_NOT_FOUND"],
  }),
  "/api/v1/log/consistency": get({
    summary: "That the log only grew: RFC 6962 consistency proof.",
    parameters: [query("from", COUNT, "Earlier size.", true), query("to", COUNT, `Later size; ${NEWEST}`)],
    answer: CONSISTENCY,
    refusals: ["RESOURCE_NOT_FOUND"],
  }),
};
