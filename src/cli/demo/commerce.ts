/**
 * A day of commerce in miniature: customers sign up, orders are placed, confirmed, shipped, delivered or cancelled, stock
 * moves with them, some goods come back. Event types and entities as the service's users name them. Deterministic: the
 * same seed gives the same day.
 */
import type { JsonValue } from "../../protocol/canonical-json.js";

/** Who reports it: each is an agent of its own. */
export type Desk = "storefront" | "warehouse" | "support" | "returns";

export interface CommerceEvent {
  readonly desk: Desk;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  readonly payload: JsonValue;
  /** Personal data: sent encrypted, readable by the auditor only. */
  readonly isPrivate: boolean;
}

const SKUS = ["KETTLE-17", "LAMP-OAK", "MUG-BLUE", "RUG-2X3", "CHAIR-ASH", "DESK-140"] as const;
const CITIES = ["Lisboa", "Kraków", "Gdańsk", "Zürich", "Malmö", "Oslo"] as const;
const CARRIERS = ["dhl", "postnord", "ups"] as const;

/** Yields at least `count` events, whole stories at a time. */
export function* commerceDay(count: number, seed: number): Generator<CommerceEvent> {
  const random = mulberry32(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  let made = 0;
  for (const sku of SKUS) {
    made += 1;
    yield event("warehouse", "inventory", sku, "inventory.initialized", { sku, on_hand: 500, location: "LIS-1" });
  }
  for (let number = 1; made < count; number++) {
    for (const story of orderStory(number, random, pick)) {
      made += 1;
      yield story;
    }
  }
}

type Pick = <T>(from: readonly T[]) => T;

function* orderStory(number: number, random: () => number, pick: Pick): Generator<CommerceEvent> {
  const customer = `cust-${1 + Math.floor(random() * 400)}`;
  const order = `order-${String(number).padStart(6, "0")}`;
  const lines = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    sku: pick(SKUS),
    quantity: 1 + Math.floor(random() * 4),
    unit_price: Math.round(500 + random() * 20_000) / 100,
  }));
  const total = Math.round(lines.reduce((sum, line) => sum + line.quantity * line.unit_price * 100, 0)) / 100;
  if (random() < 0.2) {
    const address = { name: `Customer ${customer}`, city: pick(CITIES), street: `${number} Rua Augusta` };
    yield {
      ...event("support", "customer", customer, "customer.created", { customer_id: customer, address }),
      isPrivate: true,
    };
  }
  yield event("storefront", "order", order, "order.created", { customer_id: customer, currency: "EUR", lines, total });
  for (const { sku, quantity } of lines) {
    yield event("warehouse", "inventory", sku, "inventory.reserved", { sku, quantity, order_id: order });
  }
  if (random() < 0.1) {
    yield event("storefront", "order", order, "order.cancelled", { order_id: order, reason: "customer_request" });
    for (const { sku, quantity } of lines) {
      yield event("warehouse", "inventory", sku, "inventory.released", { sku, quantity, order_id: order });
    }
    return;
  }
  yield event("storefront", "order", order, "order.confirmed", { order_id: order, payment: "card", amount: total });
  yield event("warehouse", "order", order, "order.shipped", {
    order_id: order,
    carrier: pick(CARRIERS),
    parcels: lines.length,
  });
  yield event("warehouse", "order", order, "order.delivered", { order_id: order });
  if (random() < 0.15) yield* returnStory(order, lines[0]!, random);
}

function* returnStory(
  order: string,
  line: { sku: string; quantity: number; unit_price: number },
  random: () => number,
) {
  const id = `return-${order.slice(6)}`;
  const amount = line.unit_price * line.quantity;
  yield event("returns", "return", id, "return.requested", { order_id: order, sku: line.sku, reason: "damaged" });
  yield event("returns", "return", id, "return.approved", { order_id: order, restock: random() < 0.5 });
  yield event("warehouse", "return", id, "return.received", { order_id: order, condition: "opened" });
  yield event("returns", "return", id, "return.refunded", { order_id: order, amount: Math.round(amount * 100) / 100 });
}

function event(desk: Desk, entityType: string, entityId: string, eventType: string, payload: JsonValue): CommerceEvent {
  return { desk, entityType, entityId, eventType, payload, isPrivate: false };
}

/** A small seeded generator of numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
