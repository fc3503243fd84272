/**
 * Ed25519 that knows its signers: a key that has signed often gets a table of its multiples (36 KiB), and from then on a
 * verification costs two fifths of the library's.
 *
 * - The library stays the judge of every refusal: the tables only ever say yes, and yes means that R's bytes came out of
 *   the equation of the rule in `protocol/ed25519.ts`.
 * - A table costs as much as a dozen verifications. It is built after `usesBeforeTable` of them, and a full set gives one up only
 *   if that has rested for `restChecks`: senders without number cannot make tables come and go.
 */
import { LRUCache } from "lru-cache";
import { type Ed25519, passesEncodingRule, type SignatureCheck } from "../protocol/ed25519.js";
import { bytesId, DIGEST_BYTES, selectEd25519 } from "./ed25519-native.js";
import { CHECKS_MAX, KeyTables } from "./key-tables.js";

export interface TableRules {
  readonly tablesMax: number;
  /** Verifications by the library before a key gets its table. */
  readonly usesBeforeTable: number;
  /** Checks of others after which an unused table may be replaced. */
  readonly restChecks: number;
}

/** The kernels' memory may grow to 12 MiB (its asconfig.json): more than 256 tables take, less than 350. */
const TABLE_RULES: TableRules = { tablesMax: 256, usesBeforeTable: 32, restChecks: 65_536 };
/** Keys without a table whose uses are counted; the least recently used are forgotten. */
const COUNTED_KEYS_MAX = 4_096;

interface HotKey {
  readonly table: number;
  usedAt: number;
}

/** `library` with tables. Of one thread; a set of them takes at most `tablesMax` * 36 KiB. */
export function tableEd25519(library: Ed25519 = selectEd25519(), rules: TableRules = TABLE_RULES): Ed25519 {
  const verifier = new TableVerifier(library, rules);
  return {
    name: `${library.name} with tables`,
    verify: (signature, message, publicKey) => verifier.verifyAll([{ signature, message, publicKey }])[0]!,
    verifyAll: (checks) => verifier.verifyAll(checks),
    sign: (message, seed) => library.sign(message, seed),
    publicKey: (seed) => library.publicKey(seed),
  };
}

class TableVerifier {
  readonly #library: Ed25519;
  readonly #rules: TableRules;
  readonly #hotKeys = new Map<string, HotKey>();
  readonly #uses = new LRUCache<string, number>({ max: COUNTED_KEYS_MAX });
  /** Where the check at each place of the kernels' call belongs. */
  readonly #places = new Uint32Array(CHECKS_MAX);
  /** Tables of keys that had rested, whose successor turned out to deserve none. */
  readonly #spare: number[] = [];
  /** Made for the first key that needs one: most processes verify little. */
  #tables: KeyTables | null = null;
  #checks = 0;

  constructor(library: Ed25519, rules: TableRules) {
    this.#library = library;
    this.#rules = rules;
  }

  verifyAll(checks: readonly SignatureCheck[]): boolean[] {
    const verdicts = new Array<boolean>(checks.length).fill(false);
    // Keys that have come to deserve a table. They get it at the end, when no check waits for one that is replaced.
    const warm: Uint8Array[] = [];
    let waiting = 0;
    for (let i = 0; i < checks.length; i++) {
      const check = checks[i]!;
      const table = this.#tableFor(check, warm);
      if (table === null) {
        verdicts[i] = this.#judge(check);
        continue;
      }
      this.#tables!.put(waiting, check, table);
      this.#places[waiting++] = i;
      if (waiting < CHECKS_MAX) continue;
      this.#decide(checks, verdicts, waiting);
      waiting = 0;
    }
    this.#decide(checks, verdicts, waiting);
    for (const publicKey of warm) this.#heat(publicKey);
    return verdicts;
  }

  #decide(checks: readonly SignatureCheck[], verdicts: boolean[], count: number): void {
    if (count === 0) return;
    const tables = this.#tables!;
    tables.verify(count);
    for (let i = 0; i < count; i++) {
      const place = this.#places[i]!;
      verdicts[place] = tables.holds(i) || this.#judge(checks[place]!);
    }
  }

  #judge({ signature, message, publicKey }: SignatureCheck): boolean {
    return this.#library.verify(signature, message, publicKey);
  }

  /** The table to check with; null = the library is to. A key that now deserves a table is added to `warm`. */
  #tableFor({ signature, message, publicKey }: SignatureCheck, warm: Uint8Array[]): number | null {
    if (message.length !== DIGEST_BYTES || !passesEncodingRule(signature, publicKey)) return null;
    const id = bytesId(publicKey);
    this.#checks += 1;
    const hot = this.#hotKeys.get(id);
    if (hot !== undefined) {
      hot.usedAt = this.#checks;
      return hot.table;
    }
    const uses = (this.#uses.get(id) ?? 0) + 1;
    this.#uses.set(id, uses);
    if (uses % this.#rules.usesBeforeTable === 0) warm.push(new Uint8Array(publicKey));
    return null;
  }

  /** `publicKey` is a copy: that its id and its table are of the same bytes is what a yes rests on. */
  #heat(publicKey: Uint8Array): void {
    const id = bytesId(publicKey);
    if (this.#hotKeys.has(id)) return;
    this.#tables ??= new KeyTables(this.#rules.tablesMax);
    const rested = this.#tables.room > 0 ? null : (this.#spare.pop() ?? this.#takeRested());
    if (rested === null && this.#tables.room === 0) return;
    const table = this.#tables.build(publicKey, rested);
    if (table === null) {
      if (rested !== null) this.#spare.push(rested);
      return;
    }
    this.#uses.delete(id);
    this.#hotKeys.set(id, { table, usedAt: this.#checks });
  }

  /** Takes the table from the key that has rested longest, if it has rested enough. */
  #takeRested(): number | null {
    let oldest: [string, HotKey] | null = null;
    for (const entry of this.#hotKeys) if (oldest === null || entry[1].usedAt < oldest[1].usedAt) oldest = entry;
    if (oldest === null || this.#checks - oldest[1].usedAt < this.#rules.restChecks) return null;
    this.#hotKeys.delete(oldest[0]);
    return oldest[1].table;
  }
}
