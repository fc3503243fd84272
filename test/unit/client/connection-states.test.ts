import { expect, test } from "vitest";
import {
  type ConnectionState,
  hasSocket,
  isEnded,
  isHeld,
  TRANSITIONS,
  type Transition,
  transition,
} from "../../../src/client/connection-states.js";
import { type Bench, benchOf, entries, entry, HandSocket, PausableSocket, page, settle } from "./support.js";

/**
 * One walk per row, through a real subscription: each ends with the row's event, and what must have come of it is checked
 * from outside.
 */
type Walk = (make: typeof benchOf) => Promise<Bench>;

async function started(make: typeof benchOf, ...rest: Parameters<typeof benchOf>): Promise<Bench> {
  const bench = make(...rest);
  bench.subscription.next().catch(() => {});
  await settle();
  return bench;
}

async function connecting(make: typeof benchOf, ...rest: Parameters<typeof benchOf>): Promise<Bench> {
  const bench = await started(make, ...rest);
  await bench.http.last.answer(page(0, 1));
  return bench;
}

async function live(make: typeof benchOf, ...rest: Parameters<typeof benchOf>): Promise<Bench> {
  const bench = await connecting(make, ...rest);
  await HandSocket.last.open();
  return bench;
}

const SMALL = { bufferEntriesMax: 2 };
const PAUSABLE = { WebSocket: PausableSocket };

async function paused(make: typeof benchOf): Promise<Bench> {
  const bench = await live(make, SMALL, PAUSABLE);
  await HandSocket.last.send(entries(1, 4));
  return bench;
}

async function backingOff(make: typeof benchOf): Promise<Bench> {
  const bench = await started(make);
  await bench.http.last.break();
  return bench;
}

async function draining(make: typeof benchOf): Promise<Bench> {
  const bench = await live(make, SMALL);
  await HandSocket.last.send(entries(1, 4));
  return bench;
}

const stop = async (bench: Bench): Promise<Bench> => {
  await bench.subscription.return();
  return bench;
};

const REFUSAL = { code: "LOG_MISMATCH", detail: "another log" };

const WALKS: Readonly<Record<string, Walk>> = {
  "idle start": (make) => started(make),
  "idle stop": async (make) => stop(make()),
  "catching_up page_more": async (make) => {
    const bench = await connecting(make);
    await HandSocket.last.lose();
    await bench.http.last.answer(page(1, 3, 9));
    expect(bench.http.last.url.searchParams.get("from_offset")).toBe("3");
    return bench;
  },
  "catching_up caught_up": async (make) => {
    const bench = await connecting(make);
    const { pathname, searchParams } = new URL(HandSocket.last.url);
    expect(pathname).toBe("/base/subscribe");
    expect(Object.fromEntries(searchParams)).toEqual({
      from_offset: "1",
      log_id: "11111111-1111-1111-1111-111111111111",
      epoch: "1",
      batch: "1",
    });
    expect(HandSocket.last.protocols).toEqual(["stateset.entries.v1", "stateset.key.ss_test"]);
    return bench;
  },
  "catching_up held_off": async (make) => {
    const bench = await connecting(make);
    await HandSocket.last.lose();
    await bench.http.last.answer(page(1, 2));
    await HandSocket.last.lose();
    await bench.http.last.answer(page(2, 3));
    expect(bench.clock.waits).toEqual([100]);
    return bench;
  },
  "catching_up buffer_full": async (make) => {
    const bench = await started(make, SMALL);
    expect(bench.http.last.url.searchParams.get("limit")).toBe("2");
    await bench.http.last.answer(page(0, 3, 9));
    expect(bench.http.asked).toHaveLength(1);
    return bench;
  },
  "catching_up unavailable": async (make) => {
    const bench = await started(make);
    await bench.http.last.answer({ code: "SHUTTING_DOWN" }, 503, { "retry-after": "7" });
    expect(bench.clock.waits).toEqual([7000]);
    return bench;
  },
  "catching_up refused": async (make) => {
    const bench = make();
    const refused = expect(bench.subscription.next()).rejects.toMatchObject({ code: "LOG_MISMATCH", status: 409 });
    await settle();
    await bench.http.last.answer(REFUSAL, 409);
    await refused;
    return bench;
  },
  "catching_up stop": async (make) => stop(await started(make)),
  "connecting opened": (make) => live(make),
  "connecting handshake_failed": async (make) => {
    const bench = await connecting(make, { handshakeMs: 500 });
    await bench.clock.advance(500);
    expect(HandSocket.last.isClosed).toBe(true);
    return bench;
  },
  "connecting refused": async (make) => {
    const WebSocket = class extends HandSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        throw new SyntaxError("bad subprotocol");
      }
    };
    const bench = await connecting(make, {}, { WebSocket });
    await expect(bench.subscription.next()).rejects.toMatchObject({ code: "WEBSOCKET_UNAVAILABLE" });
    return bench;
  },
  "connecting stop": async (make) => stop(await connecting(make)),
  "live socket_lost": async (make) => {
    const bench = await live(make);
    await HandSocket.last.lose();
    expect(bench.clock.waits).toEqual([50]);
    return bench;
  },
  "live disordered": async (make) => {
    const bench = await live(make);
    await HandSocket.last.send([entry(1), entry(1)]);
    expect(bench.http.last.url.searchParams.get("from_offset")).toBe("2");
    return bench;
  },
  "live buffer_full": async (make) => {
    const bench = await paused(make);
    expect((HandSocket.last as PausableSocket).calls).toEqual(["pause"]);
    return bench;
  },
  "live overflow": (make) => draining(make),
  "live quiet": async (make) => {
    const bench = await live(make, { quietMs: 1000 });
    await bench.clock.advance(1000);
    expect(bench.http.last.url.searchParams.get("limit")).toBe("1");
    return bench;
  },
  "live behind": async (make) => {
    const bench = await WALKS["live quiet"]!(make);
    await bench.http.last.answer(page(1, 2));
    return bench;
  },
  "live unavailable": async (make) => {
    const bench = await WALKS["live quiet"]!(make);
    await bench.http.last.break();
    return bench;
  },
  "live refused": async (make) => {
    const bench = await WALKS["live quiet"]!(make);
    await bench.http.last.answer(REFUSAL, 409);
    await expect(bench.subscription.next()).rejects.toMatchObject({ code: "LOG_MISMATCH" });
    return bench;
  },
  "live stop": async (make) => stop(await live(make)),
  "paused buffer_low": async (make) => {
    const bench = await paused(make);
    await bench.subscription.next();
    await bench.subscription.next();
    expect((HandSocket.last as PausableSocket).calls).toEqual(["pause", "resume"]);
    return bench;
  },
  "paused socket_lost": async (make) => {
    const bench = await paused(make);
    await HandSocket.last.lose();
    return bench;
  },
  "paused disordered": async (make) => {
    const bench = await paused(make);
    await HandSocket.last.send("not json");
    expect((HandSocket.last as PausableSocket).calls).toEqual(["pause", "terminate"]);
    return bench;
  },
  "paused stop": async (make) => stop(await paused(make)),
  "draining buffer_low": async (make) => {
    const bench = await draining(make);
    await bench.subscription.next();
    await bench.subscription.next();
    expect(bench.http.last.url.searchParams.get("from_offset")).toBe("4");
    return bench;
  },
  "draining stop": async (make) => stop(await draining(make)),
  "backing_off delay_over": async (make) => {
    const bench = await backingOff(make);
    await bench.clock.advance(50);
    expect(bench.http.asked).toHaveLength(2);
    return bench;
  },
  "backing_off stop": async (make) => stop(await backingOff(make)),
};

test.each(TRANSITIONS.map((row) => [`${row.from} ${row.event} -> ${row.to}, ${row.action}`, row] as const))(
  "%s",
  async (_, row) => {
    const walk = WALKS[`${row.from} ${row.event}`];
    const bench = await walk!(benchOf);
    expect(bench.steps.at(-1)).toEqual(row);
    expect(bench.subscription.state).toBe(row.to);
    const open = HandSocket.made.filter(({ isClosed }) => !isClosed);
    if (row.from !== "connecting" || row.event !== "refused") expect(open).toHaveLength(hasSocket(row.to) ? 1 : 0);
    if (isEnded(row.to)) expect(bench.clock.waits).toEqual([]);
  },
);

test("every row has its walk and every walk its row", () => {
  expect(Object.keys(WALKS)).toEqual(TRANSITIONS.map(({ from, event }) => `${from} ${event}`));
});

test("an event has one outcome per state, none where the table has no row", () => {
  const causes = TRANSITIONS.map(({ from, event }) => `${from} ${event}`);
  expect(new Set(causes).size).toBe(causes.length);
  expect(transition("idle", "opened")).toBeNull();
  for (const row of TRANSITIONS) expect(transition(row.from, row.event)).toBe(row);
});

test("every state is reached, can be stopped until it has ended, and never left after", () => {
  const states = new Set<ConnectionState>(TRANSITIONS.flatMap(({ from, to }) => [from, to]));
  const rowsOf = (state: ConnectionState): Transition[] => TRANSITIONS.filter(({ from }) => from === state);
  for (const state of states) {
    if (state !== "idle") expect(TRANSITIONS.some(({ to }) => to === state)).toBe(true);
    if (isEnded(state)) expect(rowsOf(state)).toEqual([]);
    else expect(transition(state, "stop")).toMatchObject({ to: "closed", action: "end" });
    if (isHeld(state)) expect(transition(state, "buffer_low")).not.toBeNull();
  }
});

test("a live socket is only reached behind a page of the log", () => {
  for (const { from, to } of TRANSITIONS) {
    if (to === "connecting") expect(from).toBe("catching_up");
    if (to === "live") expect(hasSocket(from)).toBe(true);
  }
});
