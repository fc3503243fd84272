import { FlowTable, FREE_SHARES_MAX } from "../base/flow-table.js";

/**
 * Room for request bodies that the process has made: for what was received and for what was announced, until it is answered.
 * A body in one piece takes it for a moment. Those in pieces may keep it for as long as their clients like, so these have
 * shares: a flow gets 3/4 of what it finds free, and the rest is left for the next one and for bodies in one piece. Flows that
 * finish their bodies even out at 3/(1+3n) each; nobody's body is ended for another's.
 */

/** What one flow holds with its bodies in pieces. */
export interface FlowRoom {
  bodies: number;
  bytes: number;
}

const newRoom = (): FlowRoom => ({ bodies: 0, bytes: 0 });
const isIdle = ({ bodies }: FlowRoom): boolean => bodies === 0;

export class BodyBudget {
  private heldBytes = 0;
  private readonly flows = new FlowTable<FlowRoom>(newRoom, isIdle);

  constructor(private readonly bytesMax: number) {}

  /** False when it would exceed the bound; then nothing was taken. */
  take(bytes: number): boolean {
    if (this.heldBytes + bytes > this.bytesMax) return false;
    this.heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.heldBytes -= bytes;
  }

  /** One more body in pieces of that flow, until it leaves. */
  enter(flow: string): FlowRoom {
    const room = this.flows.of(flow);
    room.bodies += 1;
    return room;
  }

  leave(room: FlowRoom, bytes: number): void {
    this.release(bytes);
    room.bytes -= bytes;
    room.bodies -= 1;
  }

  /** The body's flow is known now: what it holds counts there. */
  move(from: FlowRoom, flow: string, bytes: number): FlowRoom {
    const to = this.enter(flow);
    to.bytes += bytes;
    from.bytes -= bytes;
    from.bodies -= 1;
    return to;
  }

  /** False when it would exceed the bound or the flow's share; then nothing was taken. A flow's only body is always its share. */
  takeShare(room: FlowRoom, bytes: number): boolean {
    const freeBytes = this.bytesMax - this.heldBytes;
    if (room.bodies > 1 && room.bytes + bytes > FREE_SHARES_MAX * freeBytes) return false;
    if (!this.take(bytes)) return false;
    room.bytes += bytes;
    return true;
  }

  releaseShare(room: FlowRoom, bytes: number): void {
    this.release(bytes);
    room.bytes -= bytes;
  }
}
