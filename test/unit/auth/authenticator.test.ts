import { expect, it } from "vitest";
import { Authenticator, hashApiKey } from "../../../src/auth/authenticator.js";
import { uuidFromBytes } from "../../../src/base/ids.js";
import type { ApiKey, LogReader } from "../../../src/store/contract.js";

const KEY = "ss_a-key-that-is-revoked-while-it-is-looked-up";
const TENANT = uuidFromBytes(new Uint8Array(16).fill(1));

/** A store whose reads are answered when the test says so. */
class SlowStore {
  revokedAtMs: number | null = null;
  reads = 0;
  readonly #waiting: (() => void)[] = [];

  readonly reader = {
    apiKey: async (keyHash: string): Promise<ApiKey> => {
      this.reads += 1;
      // The row as it is now, however late the answer.
      const rights = { canRead: true, canWrite: true, canAdmin: false };
      const whose = { keyHash, tenantId: TENANT, storeIds: [], agentId: null, label: null };
      const row: ApiKey = { ...whose, ...rights, createdAtMs: 0, revokedAtMs: this.revokedAtMs };
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      return row;
    },
  } as unknown as LogReader;

  async answer(): Promise<void> {
    for (let i = 0; i < 5; i++) await Promise.resolve();
    for (const resolve of this.#waiting.splice(0)) resolve();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

const authenticatorOn = ({ reader }: SlowStore): Authenticator =>
  new Authenticator({ reader, bootstrapKeyHash: "", jwt: null, isOpen: false });
const request = { header: (name: string) => (name === "x-api-key" ? KEY : undefined) };

it("a key that is revoked while it is looked up opens nothing, then or later", async () => {
  const store = new SlowStore();
  const authenticator = authenticatorOn(store);
  const first = Promise.resolve(authenticator.authenticate(request));
  first.catch(() => {});
  await Promise.resolve();
  store.revokedAtMs = 1;
  authenticator.forget(hashApiKey(KEY));
  await store.answer();
  await store.answer();
  await expect(first).rejects.toMatchObject({ code: "INVALID_API_KEY" });
  const second = Promise.resolve(authenticator.authenticate(request));
  second.catch(() => {});
  await store.answer();
  await expect(second).rejects.toMatchObject({ code: "INVALID_API_KEY" });
});

it("others' revocations hold no lookup up, and requests with one key share a lookup", async () => {
  const store = new SlowStore();
  const authenticator = authenticatorOn(store);
  const asked = [authenticator.authenticate(request), authenticator.authenticate(request)];
  authenticator.forget(hashApiKey(`${KEY} of somebody else`));
  await store.answer();
  for (const principal of await Promise.all(asked)) expect(principal.scope.tenantId).toBe(TENANT);
  expect(store.reads).toBe(1);
  expect(authenticator.authenticate(request)).not.toBeInstanceOf(Promise);
});

it("a lookup that failed is not the answer to the next request", async () => {
  const store = new SlowStore();
  store.revokedAtMs = 1;
  const authenticator = authenticatorOn(store);
  for (const reads of [1, 2]) {
    const asked = Promise.resolve(authenticator.authenticate(request));
    asked.catch(() => {});
    await store.answer();
    await expect(asked).rejects.toMatchObject({ code: "INVALID_API_KEY" });
    expect(store.reads).toBe(reads);
  }
});
