/**
 * A WebSocket subscriber on a bare socket (RFC 6455, unmasked server frames, no extensions): it counts messages and bytes
 * without copying them. A library's client would spend on both sides of a comparison what the comparison is about.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** Each read is over before the next begins, whichever socket it is of. */
const READ_BUFFER = Buffer.allocUnsafe(256 * 1024);

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
  #start: Buffer = Buffer.alloc(0);
  readonly #parts: Buffer[] = [];

  constructor(options: FrameSocketOptions) {
    this.#options = options;
    const onread = {
      buffer: READ_BUFFER,
      callback: (length: number, buffer: Uint8Array): boolean => {
        this.#read(Buffer.from(buffer.buffer as ArrayBuffer, buffer.byteOffset, length));
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

  #read(read: Buffer): void {
    const bytes = this.#start.length === 0 ? read : Buffer.concat([this.#start, read]);
    this.#start = Buffer.alloc(0);
    let at = this.#isOpen ? 0 : this.#upgrade(bytes);
    while (at < bytes.length) {
      if (this.#missing === 0) {
        const headEnd = this.#head(bytes, at);
        if (headEnd < 0) {
          this.#start = Buffer.from(bytes.subarray(at));
          break;
        }
        at = headEnd;
      }
      at += this.#take(bytes, at);
    }
    if (this.#isOpen) this.#options.onProgress?.();
  }

  /** Returns where frames begin; the length of `bytes` while the head is not complete. */
  #upgrade(bytes: Buffer): number {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      this.#start = Buffer.from(bytes);
      return bytes.length;
    }
    const head = bytes.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 101")) {
      this.#options.onClosed(new Error(`no upgrade: ${head.slice(0, 60)}`));
      return bytes.length;
    }
    this.#isOpen = true;
    this.#options.onOpen();
    return end + HEAD_END.length;
  }

  /** Reads a frame's head; returns where its payload begins, -1 when the head is not complete. */
  #head(bytes: Buffer, at: number): number {
    if (bytes.length - at < 2) return -1;
    const length = bytes[at + 1]! & 0x7f;
    const headBytes = length < 126 ? 2 : length === 126 ? 4 : 10;
    if (bytes.length - at < headBytes) return -1;
    this.#isText = (bytes[at]! & 0x0f) === TEXT;
    if (length < 126) this.#missing = length;
    else if (length === 126) this.#missing = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    else this.#missing = bytes.readUIntBE(at + 4, 6);
    return at + headBytes;
  }

  /** Takes what is there of the current message; returns how much. Who only counts cuts nothing out. */
  #take(bytes: Buffer, at: number): number {
    const taken = Math.min(this.#missing, bytes.length - at);
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
