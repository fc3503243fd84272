/** One stream under fuzz: sends mutants, compares every answer with the model, and at the end the log. */
import { PROBLEMS } from "../../../src/api/problem.js";
import type { ErrorCode } from "../../../src/base/errors.js";
import type { FuzzAgent } from "./fuzz-agent.js";
import type { HttpAnswer, HttpClient } from "./http-client.js";
import { type Judged, judgeBody, judgeEvent } from "./judge.js";
import { mutateBytes, mutateText } from "./mutate-bytes.js";
import { type Envelope, mutateFields } from "./mutate-fields.js";
import type { Random } from "./random.js";
import { type Expected, StreamModel } from "./stream-model.js";

export interface FuzzCounts {
  mutants: number;
  requests: number;
  refused: number;
  accepted: number;
  replayed: number;
  rejected: number;
  statuses: Record<string, number>;
}

type Sequenceable = Exclude<Judged, { kind: "malformed" }>;

const RECENT_MAX = 64;
const BATCH_MAX = 100;
const INGEST = "/api/v1/ves/events/ingest";

/** The answer differs from what the protocol says; the message has what is needed to see it again. */
export class FuzzFinding extends Error {}

export class FuzzStream {
  readonly model = new StreamModel();
  readonly counts: FuzzCounts = {
    mutants: 0,
    requests: 0,
    refused: 0,
    accepted: 0,
    replayed: 0,
    rejected: 0,
    statuses: {},
  };
  readonly #agent: FuzzAgent;
  readonly #client: HttpClient;
  readonly #random: Random;
  readonly #recent: Envelope[] = [];

  constructor(agent: FuzzAgent, client: HttpClient, random: Random) {
    this.#agent = agent;
    this.#client = client;
    this.#random = random;
    for (let i = 0; i < 8; i++) this.#recent.push(agent.sign());
  }

  get agent(): FuzzAgent {
    return this.#agent;
  }

  async run(mutants: number): Promise<void> {
    while (this.counts.mutants < mutants) {
      const left = mutants - this.counts.mutants;
      if (this.#random.chance(0.12)) await this.#sendBatch(Math.min(left, 1 + this.#random.below(BATCH_MAX)));
      else await this.#sendBody();
    }
  }

  /** Field level: mutants that must be refused go alone or beside a good event, all others together. */
  async #sendBatch(size: number): Promise<void> {
    const texts: string[] = [];
    const judged: Sequenceable[] = [];
    this.counts.mutants += size;
    for (let i = 0; i < size; i++) {
      const text = JSON.stringify(this.#mutant());
      const verdict = judgeEvent(JSON.parse(text), this.#agent.context);
      if (verdict.kind !== "malformed") {
        texts.push(text);
        judged.push(verdict);
        continue;
      }
      const events = this.#random.chance(0.3) ? [JSON.stringify(this.#agent.sign()), text] : [text];
      const body = this.#body(events);
      const answer = await this.#post(body);
      if (answer.status === 200) throw finding(`accepted although malformed (${verdict.why})`, body, answer);
    }
    if (texts.length === 0) return;
    const body = this.#body(texts);
    const expected = this.model.decide(judged);
    this.#compare(await this.#post(body), expected, body);
    await this.#replay(texts, judged, new Set(expected.accepted));
  }

  /** Everything that was accepted is answered a second time with the same receipts. */
  async #replay(texts: readonly string[], judged: readonly Sequenceable[], accepted: Set<string>): Promise<void> {
    if (accepted.size === 0) return;
    const wanted = new Set(accepted);
    const chosen = [...texts.keys()].filter((index) => wanted.delete(judged[index]!.id));
    const expected = this.model.decide(chosen.map((index) => judged[index]!));
    if (expected.replayed.length !== accepted.size) throw new FuzzFinding("the model does not replay");
    const body = this.#body(chosen.map((index) => texts[index]!));
    this.#compare(await this.#post(body), expected, body);
  }

  /** Text and byte level: one request each. */
  async #sendBody(): Promise<void> {
    this.counts.mutants++;
    const text = this.#body([
      JSON.stringify(this.#random.chance(0.5) ? this.#fresh() : this.#random.pick(this.#recent)),
    ]);
    const bytes = this.#random.chance(0.6)
      ? Buffer.from(mutateText(text, this.#random))
      : mutateBytes(Buffer.from(text), this.#random);
    const answer = await this.#post(bytes);
    if (answer.status !== 200) return;
    const judged = judgeBody(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
      this.#agent.context,
    );
    if (judged === null) throw finding("accepted although malformed", bytes, answer);
    this.#compare(answer, this.model.decide(judged), bytes);
  }

  #body(events: readonly string[]): string {
    return `{"agentId":"${this.#agent.context.agentId}","events":[${events.join(",")}]}`;
  }

  #fresh(): Envelope {
    const event = this.#agent.sign();
    if (this.#recent.length < RECENT_MAX) this.#recent.push(event);
    else this.#recent[this.#random.below(RECENT_MAX)] = event;
    return event;
  }

  #mutant(): Envelope {
    const random = this.#random;
    const base = random.chance(0.5) ? this.#fresh() : random.pick(this.#recent);
    if (random.chance(0.05)) return base;
    const mutant = mutateFields(base, random, this.#recent);
    return random.chance(0.3) ? this.#agent.resign(mutant) : mutant;
  }

  async #post(body: Uint8Array | string): Promise<HttpAnswer> {
    const answer = await this.#client.post(INGEST, body);
    const { counts } = this;
    counts.requests++;
    counts.statuses[answer.status] = (counts.statuses[answer.status] ?? 0) + 1;
    if (answer.status !== 200) {
      counts.refused++;
      if (!isGoodRefusal(answer)) throw finding("refused in a bad form", body, answer);
    }
    return answer;
  }

  #compare(answer: HttpAnswer, expected: Expected, body: Uint8Array | string): void {
    if (answer.status !== 200) throw finding("refused although well-formed", body, answer);
    const json = JSON.parse(answer.text) as IngestJson;
    const rejected = (json.rejections ?? []).map(({ event_id, reason }) => `${event_id}: ${reason.split(":", 1)[0]}`);
    const receipts = (json.receipts ?? []).map(({ eventId }) => eventId);
    const actual = { accepted: json.eventsAccepted, rejected: rejected.sort(), receipts, head: json.headSequence };
    const wanted = {
      accepted: expected.accepted.length,
      rejected: expected.rejected,
      receipts: [...expected.replayed, ...expected.accepted],
      head: this.model.events.size,
    };
    const [is, should] = [JSON.stringify(actual), JSON.stringify(wanted)];
    if (is !== should) throw finding(`answered ${is}\ninstead of ${should}`, body, answer);
    for (const receipt of receiptTexts(answer.text)) {
      const { eventId } = JSON.parse(receipt) as { eventId: string };
      if (!this.model.sameReceipt(eventId, receipt)) throw finding(`another receipt for ${eventId}`, body, answer);
    }
    this.counts.accepted += expected.accepted.length;
    this.counts.replayed += expected.replayed.length;
    this.counts.rejected += expected.rejected.length;
  }
}

interface IngestJson {
  readonly eventsAccepted: number;
  readonly headSequence: number;
  readonly rejections?: readonly { readonly event_id: string; readonly reason: string }[];
  readonly receipts?: readonly { readonly eventId: string }[];
}

/** Receipts are flat objects. */
function receiptTexts(body: string): string[] {
  const start = body.indexOf('"receipts":[');
  return start < 0 ? [] : (body.slice(start).match(/\{[^{}]*\}/g) ?? []);
}

export function isGoodRefusal(answer: HttpAnswer): boolean {
  if (answer.status < 400 || answer.status >= 500) return false;
  const body = JSON.parse(answer.text) as { code: ErrorCode; status: number; request_id: string };
  const isWhole =
    body.request_id === answer.headers.get("x-request-id") && answer.headers.get("x-error-code") === body.code;
  return isWhole && PROBLEMS[body.code]?.status === answer.status && !/node_modules|\bat \S+ \(/.test(answer.text);
}

function finding(what: string, body: Uint8Array | string, answer: HttpAnswer): FuzzFinding {
  const sent = typeof body === "string" ? body : `base64 ${Buffer.from(body).toString("base64")}`;
  return new FuzzFinding(
    `${what}\nsent: ${sent.slice(0, 4000)}\nanswer: ${answer.status} ${answer.text.slice(0, 2000)}`,
  );
}
