import { isAscii, isUtf8 } from "node:buffer";
import { CodedError } from "../base/errors.js";
import { JsonDataError, JsonReadError } from "../protocol/json-errors.js";
import { JsonCursor } from "../protocol/strict-json.js";

/**
 * Reads a whole request body as one JSON document. Throws INVALID_REQUEST_BODY for bytes that are not UTF-8 or not JSON,
 * UNPROCESSABLE_BODY for JSON of another shape, each with a pointer, and what `read` throws of its own.
 */
export function readJsonRequest<T>(body: Uint8Array, read: (cursor: JsonCursor) => T): T {
  if (!isUtf8(body)) throw new CodedError("INVALID_REQUEST_BODY", "the body is not UTF-8");
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const cursor = new JsonCursor(bytes.toString(isAscii(body) ? "latin1" : "utf8"));
  try {
    const value = read(cursor);
    cursor.end();
    return value;
  } catch (error) {
    if (!(error instanceof JsonReadError)) throw error;
    const code = error instanceof JsonDataError ? "UNPROCESSABLE_BODY" : "INVALID_REQUEST_BODY";
    throw new CodedError(code, error.message, error.pointer === "" ? {} : { pointer: error.pointer });
  }
}
