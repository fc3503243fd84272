import { JsonDataError, type JsonReadError, JsonSyntaxError } from "../../../src/protocol/json-errors.js";

/** What `read` refuses its text with. Throws when it accepts it, and whatever else it throws. */
export function refusal(read: () => unknown): JsonReadError {
  try {
    read();
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof JsonDataError) return error;
    throw error;
  }
  throw new Error("was accepted");
}
