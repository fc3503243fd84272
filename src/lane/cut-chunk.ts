import type { LaneItem } from "./lane-item.js";

/** Takes the next chunk off the queue's front: whole items, at least one, together at most `eventsMax` events. */
export function cutChunk(queue: LaneItem[], eventsMax: number): LaneItem[] {
  let events = 0;
  let count = 0;
  for (const item of queue) {
    events += eventsOf(item);
    if (count > 0 && events > eventsMax) break;
    count++;
  }
  return queue.splice(0, count);
}

/** A command weighs as much as one event. */
export function eventsOf(item: LaneItem): number {
  return "request" in item ? item.request.events.length : 1;
}
