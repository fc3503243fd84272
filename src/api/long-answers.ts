/**
 * Answers of several pages are in memory while they are put together, up to 32 MiB each, and a request for one is a hundred
 * bytes: so few are put together at a time. Refused, not queued: who waits would hold what was read already.
 */
import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";

export class LongAnswers {
  readonly #inProgress = new Map<Uuid, number>();
  #total = 0;

  constructor(private readonly bounds: { readonly ofTenantMax: number; readonly totalMax: number }) {}

  /** A place among them, until it is disposed. Throws OVERLOADED. */
  begin(tenantId: Uuid): Disposable {
    const ofTenant = this.#inProgress.get(tenantId) ?? 0;
    if (ofTenant >= this.bounds.ofTenantMax || this.#total >= this.bounds.totalMax) {
      throw new CodedError(
        "OVERLOADED",
        "too many long answers at a time: ask for fewer events, or for one after the other",
      );
    }
    this.#inProgress.set(tenantId, ofTenant + 1);
    this.#total += 1;
    return { [Symbol.dispose]: () => this.#end(tenantId) };
  }

  #end(tenantId: Uuid): void {
    const left = this.#inProgress.get(tenantId)! - 1;
    if (left > 0) this.#inProgress.set(tenantId, left);
    else this.#inProgress.delete(tenantId);
    this.#total -= 1;
  }
}
