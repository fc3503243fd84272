/**
 * One WebSocket, browser API only: everything past `close()` is silence, whatever the platform still reports. A browser
 * says nothing about why a handshake failed, so nobody here asks.
 */
import { ENTRIES_PROTOCOL, KEY_PROTOCOL_PREFIX } from "../protocol/subprotocols.js";

/** The part of the WebSocket API in use: the platform's own, `ws`, or a test's. */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  close(): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What `ws` offers beyond browsers. */
interface NodeWebSocket extends WebSocketLike {
  pause(): void;
  resume(): void;
  terminate(): void;
}

export interface EntrySocketEvents {
  onOpen(): void;
  /** A text frame, or the text of a binary one. */
  onFrame(text: string): void;
  /** Refused, closed or broken. */
  onLost(): void;
}

/** What a subscription speaks and, beside it, the key: a browser cannot set a header on a WebSocket. */
export function subprotocolsOf(apiKey: string | null): string[] {
  return [ENTRIES_PROTOCOL, ...(apiKey === null ? [] : [`${KEY_PROTOCOL_PREFIX}${apiKey}`])];
}

export class EntrySocket {
  readonly #socket: WebSocketLike;

  /** Throws what the constructor throws: a URL or subprotocol it does not take. */
  constructor(WebSocket: WebSocketConstructor, url: string, protocols: string[], events: EntrySocketEvents) {
    const socket = new WebSocket(url, protocols);
    const decoder = new TextDecoder();
    socket.binaryType = "arraybuffer";
    socket.onopen = () => events.onOpen();
    socket.onmessage = (event: { readonly data: unknown }) => {
      events.onFrame(typeof event.data === "string" ? event.data : decoder.decode(event.data as ArrayBuffer));
    };
    socket.onerror = ignore;
    socket.onclose = () => events.onLost();
    this.#socket = socket;
  }

  get canPause(): boolean {
    return "pause" in this.#socket;
  }

  /** Stops reading, so that TCP holds the service back. A frame or two that were already read still come. */
  pause(): void {
    (this.#socket as NodeWebSocket).pause();
  }

  resume(): void {
    (this.#socket as NodeWebSocket).resume();
  }

  /** At once where the platform can. No event follows. */
  close(): void {
    const socket = this.#socket;
    // `ws` reports a socket that is closed while it connects as an error, and an error nobody hears ends the process.
    socket.onopen = socket.onmessage = socket.onclose = ignore;
    if ("terminate" in socket) (socket as NodeWebSocket).terminate();
    else socket.close();
  }
}

function ignore(): void {}

/**
 * The given constructor, else `ws` in Node, else the platform's: Node's own cannot pause, and keeps a closed socket, and the
 * process, until the other end answers, which one behind a dead connection never does.
 */
export async function loadWebSocket(given: WebSocketConstructor | undefined): Promise<WebSocketConstructor> {
  if (given !== undefined) return given;
  const platform: WebSocketConstructor | undefined = globalThis.WebSocket;
  if (platform === undefined) return (await import("ws")).WebSocket;
  if (!isNode()) return platform;
  // What says that it is Node may have been bundled without `ws`.
  const { WebSocket = platform } = await import("ws").catch(() => ({ WebSocket: platform }));
  return WebSocket;
}

function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}
