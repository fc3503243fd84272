/** Why a JSON text was refused, and where. `pointer` is RFC 6901: empty for the whole document. */
export abstract class JsonReadError extends Error {
  constructor(
    message: string,
    readonly pointer: string,
  ) {
    super(message);
  }
}

/** Not JSON, or JSON beyond the reader's bounds (nesting, lone surrogates, numbers past a double): answer 400. */
export class JsonSyntaxError extends JsonReadError {
  override readonly name = "JsonSyntaxError";
}

/** Well-formed JSON of the wrong type, range or set of members: answer 422. */
export class JsonDataError extends JsonReadError {
  override readonly name = "JsonDataError";
}
