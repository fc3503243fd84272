/**
 * A WebSocket subscriber on a bare socket (RFC 6455, unmasked server frames, no extensions): it counts messages and bytes
 * without copying them. A library's client would spend on both sides of a comparison what the comparison is about.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { CHECKED_BYTES } from "./entry-check.js";

/** Each read is over before the next begins, whichever socket it is of. */
const READ_BUFFER = Buffer.allocUnsafe(256 * 1024);

const NOTHING = Buffer.alloc(0);
const TEXT = 1;
const HEAD_END = "\r\n\r\n";

export interface FrameSocketOptions {
  readonly port: number;
  readonly path: string;
  readonly apiKey: string;
  onOpen(): void;
  /** After each message, and after each read's last. */
  onMessage?(payload: Buffer): void;
  onProgress?(): void;
  /**
   * When a message begins: its payload is `length` bytes from `at` on, of which the first `CHECKED_BYTES` are in `bytes` and
   * what ends before `end`. Nothing is cut out for it. What it throws ends the subscription.
   */
  check?(bytes: Buffer, at: number, length: number, end: number): void;
  onClosed(error: Error): void;
}

export class FrameSocket implements Disposable {
  messages = 0;
  payloadBytes = 0;
  readonly #options: FrameSocketOptions;
  readonly #socket: Socket;
  #isOpen = false;
  /** Payload bytes of the current message that are still to come. */
  #missing = 0;
  #isText = false;
  /** Start of a frame's head, or of a message that is wanted whole. */
  #start: Buffer = NOTHING;
  readonly #parts: Buffer[] = [];

  constructor(options: FrameSocketOptions) {
    this.#options = options;
    const onread = {
      buffer: READ_BUFFER,
      callback: (length: number): boolean => {
        try {
          this.#read(length);
        } catch (error) {
          options.onClosed(error as Error);
          this[Symbol.dispose]();
        }
        return true;
      },
    };
    this.#socket = connect({ host: "127.0.0.1", port: options.port, noDelay: true, onread });
    this.#socket.on("error", (error) => options.onClosed(error));
    this.#socket.on("close", () => options.onClosed(new Error("the subscription was closed")));
    this.#socket.on("connect", () => {
      this.#socket.write(
        `GET ${options.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
          `sec-websocket-version: 13\r\nsec-websocket-key: ${randomBytes(16).toString("base64")}\r\n` +
          `authorization: ApiKey ${options.apiKey}\r\n\r\n`,
      );
    });
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
    this.#socket.destroy();
  }

  #read(length: number): void {
    const isWhole = this.#start.length === 0;
    const bytes = isWhole ? READ_BUFFER : Buffer.concat([this.#start, READ_BUFFER.subarray(0, length)]);
    const end = isWhole ? length : bytes.length;
    this.#start = NOTHING;
    let at = this.#isOpen ? 0 : this.#upgrade(bytes, end);
    while (at < end) {
      if (this.#missing === 0) {
        const headEnd = this.#head(bytes, at, end);
        if (headEnd < 0) {
          this.#start = Buffer.from(bytes.subarray(at, end));
          break;
        }
        at = headEnd;
      }
      at += this.#take(bytes, at, end);
    }
    if (this.#isOpen) this.#options.onProgress?.();
  }

  /** Returns where frames begin; the end while the head is not complete. */
  #upgrade(bytes: Buffer, end: number): number {
    const headEnd = bytes.subarray(0, end).indexOf(HEAD_END);
    if (headEnd < 0) {
      this.#start = Buffer.from(bytes.subarray(0, end));
      return end;
    }
    const head = bytes.toString("latin1", 0, headEnd);
    if (!head.startsWith("HTTP/1.1 101")) {
      this.#options.onClosed(new Error(`no upgrade: ${head.slice(0, 60)}`));
      return end;
    }
    this.#isOpen = true;
    this.#options.onOpen();
    return headEnd + HEAD_END.length;
  }

  /** Reads a frame's head; returns where its payload begins, -1 when the head, or what is checked behind it, is not complete. */
  #head(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return -1;
    const shortLength = bytes[at + 1]! & 0x7f;
    const payloadAt = at + (shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10);
    if (end < payloadAt) return -1;
    let length = shortLength;
    if (shortLength === 126) length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    else if (shortLength === 127) length = bytes.readUIntBE(at + 4, 6);
    this.#isText = (bytes[at]! & 0x0f) === TEXT;
    const { check } = this.#options;
    if (check !== undefined && this.#isText) {
      if (end - payloadAt < Math.min(length, CHECKED_BYTES)) return -1;
      check(bytes, payloadAt, length, end);
    }
    this.#missing = length;
    return payloadAt;
  }

  /** Takes what is there of the current message; returns how much. Who only counts cuts nothing out. */
  #take(bytes: Buffer, at: number, end: number): number {
    const taken = Math.min(this.#missing, end - at);
    this.#missing -= taken;
    if (!this.#isText) return taken;
    this.payloadBytes += taken;
    if (this.#missing === 0) this.messages += 1;
    const { onMessage } = this.#options;
    if (onMessage === undefined) return taken;
    const part = bytes.subarray(at, at + taken);
    if (this.#missing > 0) this.#parts.push(Buffer.from(part));
    else onMessage(this.#parts.length === 0 ? part : Buffer.concat([...this.#parts.splice(0), part]));
    return taken;
  }
}
