import type uWebSockets from "uWebSockets.js";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The part of uWebSockets.js this folder uses, and whether the machine code of it loaded. The package's own JavaScript
 * stand-in lacks most of these calls, so where no binary fits (other Node versions) `node-app.ts` serves them instead.
 */

/** Valid only until the callback it was passed to returns. */
export interface NativeRequest {
  getUrl(): string;
  getQuery(): string | undefined;
  /** Lower case. */
  getMethod(): string;
  /** Names in lower case, in wire order, duplicates included. */
  forEach(visit: (name: string, value: string) => void): void;
}

/** Valid until the reply ended or the abort handler ran; any later call throws or crashes. */
export interface NativeResponse {
  /**
   * The status line without its version, and any header lines after it, each behind CRLF. With an empty line and a text body
   * behind them it is a whole reply, which ends with one more CRLF, of a response that stays open until it is closed.
   */
  writeStatus(head: string): NativeResponse;
  writeHeader(name: string, value: string): NativeResponse;
  end(body: string | Uint8Array, closeConnection?: boolean): unknown;
  /** Its optional parameters are left out here: with any of them the response may never end. */
  endWithoutBody(): unknown;
  /** At once, and the abort handler runs. */
  close(): unknown;
  /** [all of it taken, reply complete]. What was not taken is not kept: send it again from the write offset. */
  tryEnd(chunk: string | Uint8Array, totalBytes: number): [boolean, boolean];
  onWritable(handler: (offset: number) => boolean): unknown;
  onAborted(handler: () => void): unknown;
  /** The chunk is detached when the handler returns. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
  cork(work: () => void): unknown;
  getRemoteAddressAsText(): ArrayBuffer;
  upgrade<T>(userData: T, key: string, protocol: string, extensions: string, context: unknown): void;
}

/** Valid until its close callback; any later call throws. */
export interface NativeSocket<T> {
  /** 0 taken with backlog, 1 sent, 2 dropped. */
  send(message: Uint8Array, isBinary: boolean): number;
  getBufferedAmount(): number;
  cork(work: () => void): unknown;
  ping(): unknown;
  end(code: number, reason: string): void;
  close(): void;
  getUserData(): T;
}

export interface NativeSocketBehavior<T> {
  readonly compression: number;
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  /** Seconds, 0 or 8 to 960: the library ends the process on other values. */
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  upgrade(res: NativeResponse, req: NativeRequest, context: unknown): void;
  open(socket: NativeSocket<T>): void;
  drain(socket: NativeSocket<T>): void;
  message(socket: NativeSocket<T>): void;
  ping(socket: NativeSocket<T>): void;
  pong(socket: NativeSocket<T>): void;
  /** Nothing of the socket can be used any more but its data. */
  close(socket: Pick<NativeSocket<T>, "getUserData">, code: number, message: ArrayBuffer): void;
}

export interface NativeApp {
  any(pattern: string, handler: (res: NativeResponse, req: NativeRequest) => void): unknown;
  ws<T>(pattern: string, behavior: NativeSocketBehavior<T>): unknown;
  /** Calls back with null when the address cannot be had. */
  bind(host: string, port: number, bound: (listener: NativeListener | null) => void): void;
  /** Closes every connection and listener at once; pending requests see an abort, sockets a close. */
  close(): void;
}

export interface NativeListener {
  readonly port: number;
  /** Stops accepting; open connections stay. Once only. */
  close(): void;
}

const uWS = loadNative();

export const hasNativeTransport: boolean = uWS !== null;

/** The package without its machine code; null where that is not for this Node. */
function loadNative(): typeof uWebSockets | null {
  const require = createRequire(import.meta.url);
  const main = require.resolve("uWebSockets.js");
  const file = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  const folders = [join(dirname(main), "..", "binaries"), dirname(main)];
  // Looked for first: loaded without it, the package writes lines of its own among those of the log.
  if (!folders.some((folder) => existsSync(join(folder, file)))) return null;
  const loaded = require(main) as typeof uWebSockets;
  // Its stand-in exports a few names only.
  return "getParts" in loaded ? loaded : null;
}

/** Call it only where `hasNativeTransport`. */
export function createNativeApp(): NativeApp {
  const native = uWS!;
  const app = native.App();
  return Object.assign(app as unknown as Omit<NativeApp, "bind">, {
    bind(host: string, port: number, bound: (listener: NativeListener | null) => void): void {
      app.listen(host, port, (token) => {
        if (token === false) bound(null);
        else bound({ port: native.us_socket_local_port(token), close: () => native.us_listen_socket_close(token) });
      });
    },
  });
}
