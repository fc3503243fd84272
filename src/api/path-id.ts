import { CodedError } from "../base/errors.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import type { HttpRequest } from "../transport/http.js";

/** The UUID in a path's parameter. Throws INVALID_FIELD_VALUE. */
export function pathId(params: HttpRequest["params"], name: string): Uuid {
  const id = parseUuid(params[name]!);
  if (id === null) throw new CodedError("INVALID_FIELD_VALUE", `${name} must be a UUID`);
  return id;
}
