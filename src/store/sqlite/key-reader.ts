/** Reads of agent keys and API keys. A tenant may make as many as it likes: lists are read in parts that have a bound. */
import { type Uuid, uuidToBytes } from "../../base/ids.js";
import type { AgentKey, AgentKeyRange, AgentKeyRef, ApiKey, ApiKeyRange, KeyPage } from "../contract.js";
import type { Connection } from "./connection.js";
import { type AgentKeyRow, type ApiKeyRow, agentKeyFromRow, apiKeyFromRow } from "./rows.js";

/** Characters of store ids after which a part of the API keys ends: one key may name a thousand. */
const STORE_IDS_CHARACTERS_MAX = 512 * 1024;

/** After every hash that begins with the same digits. */
const AFTER_DIGITS = "g";

export class KeyReader {
  readonly #sql;

  constructor(db: Connection) {
    const apiKeys = (where: string) =>
      db.prepare(`SELECT * FROM api_keys WHERE ${where} ORDER BY key_hash LIMIT :limit`);
    this.#sql = {
      agentKey: db.prepare(
        "SELECT * FROM agent_keys WHERE tenant_id = ? AND agent_id = ? AND purpose = ? AND key_id = ?",
      ),
      agentKeys: db.prepare(
        `SELECT * FROM agent_keys WHERE tenant_id = ? AND agent_id = ? AND (purpose, key_id) > (?, ?)
         ORDER BY purpose, key_id LIMIT ?`,
      ),
      apiKey: db.prepare("SELECT * FROM api_keys WHERE key_hash = ?"),
      apiKeyByPrefix: db.prepare(
        `SELECT * FROM api_keys WHERE key_hash >= :prefix AND key_hash < :afterPrefix
         AND (:tenant IS NULL OR tenant_id = :tenant) ORDER BY key_hash LIMIT 1`,
      ),
      apiKeysOfAll: apiKeys("key_hash > :after"),
      apiKeysOfTenant: apiKeys("tenant_id = :tenant AND key_hash > :after"),
    };
  }

  agentKey({ tenantId, agentId, purpose, keyId }: AgentKeyRef): AgentKey | null {
    const row = this.#sql.agentKey.get(uuidToBytes(tenantId), uuidToBytes(agentId), purpose, keyId);
    return row === undefined ? null : agentKeyFromRow(row as AgentKeyRow);
  }

  agentKeys({ tenantId, agentId, after, limit }: AgentKeyRange): KeyPage<AgentKey> {
    const { purpose, keyId } = after ?? { purpose: 0, keyId: 0 };
    const ids = [uuidToBytes(tenantId), uuidToBytes(agentId)];
    const rows = this.#sql.agentKeys.all(...ids, purpose, keyId, limit + 1) as AgentKeyRow[];
    return { keys: rows.slice(0, limit).map(agentKeyFromRow), hasMore: rows.length > limit };
  }

  apiKey(keyHash: string): ApiKey | null {
    const row = this.#sql.apiKey.get(keyHash) as ApiKeyRow | undefined;
    return row === undefined ? null : apiKeyFromRow(row);
  }

  apiKeyByPrefix(tenantId: Uuid | null, prefix: string): ApiKey | null {
    const row = this.#sql.apiKeyByPrefix.get({
      prefix,
      afterPrefix: prefix + AFTER_DIGITS,
      tenant: tenantId === null ? null : uuidToBytes(tenantId),
    }) as ApiKeyRow | undefined;
    return row === undefined ? null : apiKeyFromRow(row);
  }

  apiKeys({ tenantId, after, limit }: ApiKeyRange): KeyPage<ApiKey> {
    const keys: ApiKey[] = [];
    let characters = 0;
    for (const row of this.#apiKeyRows(tenantId, after === null ? "" : after + AFTER_DIGITS, limit + 1)) {
      if (keys.length === limit || characters > STORE_IDS_CHARACTERS_MAX) return { keys, hasMore: true };
      characters += row.store_ids.length;
      keys.push(apiKeyFromRow(row));
    }
    return { keys, hasMore: false };
  }

  #apiKeyRows(tenantId: Uuid | null, after: string, limit: number): Iterable<ApiKeyRow> {
    const { apiKeysOfAll, apiKeysOfTenant } = this.#sql;
    const rows =
      tenantId === null
        ? apiKeysOfAll.iterate({ after, limit })
        : apiKeysOfTenant.iterate({ tenant: uuidToBytes(tenantId), after, limit });
    return rows as Iterable<ApiKeyRow>;
  }
}
