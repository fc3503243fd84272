/**
 * One keep-alive HTTP/1.1 connection with one request in flight, on a bare socket. It reads of a reply only what the
 * loops need (status, length, the number of accepted events): on two cores every microsecond of the client is taken from
 * the server. Reads of all connections land in one buffer, nothing is allocated per reply but its head's text.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Each read is over before the next begins, whichever connection it is of. */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024);

/** Of a reply's start, as much as is looked at: its head and the first members of its body. */
const HEAD_BYTES_MAX = 1024;

const EMPTY = Buffer.alloc(0);

/** Bytes of a body in which `eventsAccepted` stands: it follows the batch id. */
const BODY_START_BYTES = 96;

export interface Reply {
  readonly status: number;
  /** From the body; 0 where it names none. */
  readonly eventsAccepted: number;
  /** From the head; null where it names none. */
  readonly retryAfterSeconds: number | null;
}

export class HttpConnection implements Disposable {
  readonly #socket: Socket;
  #onReply: (reply: Reply) => void = unasked;
  #reply: Reply = { status: 0, eventsAccepted: 0, retryAfterSeconds: null };
  /** Bytes of the current reply that are still to come, once its head was read. */
  #missing = 0;
  /** Start of a reply whose head is not complete yet. */
  #start = EMPTY;

  private constructor(port: number, onClosed: (error: Error) => void) {
    const onread = {
      buffer: READ_BUFFER,
      callback: (length: number, buffer: Uint8Array): boolean => {
        this.#read(buffer.subarray(0, length));
        return true;
      },
    };
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true, onread });
    this.#socket.on("error", onClosed);
    this.#socket.on("close", () => onClosed(new Error("the service closed a connection")));
  }

  /** `onClosed`: the connection ended before it was disposed. */
  static async open(port: number, onClosed: (error: Error) => void): Promise<HttpConnection> {
    const connection = new HttpConnection(port, onClosed);
    await once(connection.#socket, "connect");
    return connection;
  }

  /** Sends a complete request. The connection must be free. */
  send(request: Uint8Array, onReply: (reply: Reply) => void): void {
    this.#onReply = onReply;
    this.#socket.write(request);
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
    this.#socket.destroy();
  }

  #read(bytes: Uint8Array): void {
    if (this.#missing > 0) {
      this.#missing -= bytes.length;
      if (this.#missing === 0) this.#done();
      return;
    }
    const start = this.#start.length === 0 ? view(bytes) : Buffer.concat([this.#start, bytes]);
    const text = start.toString("latin1", 0, Math.min(start.length, HEAD_BYTES_MAX));
    const bodyAt = text.indexOf("\r\n\r\n") + 4;
    const length = bodyAt < 4 ? 0 : contentLength(text);
    if (bodyAt < 4 || start.length < bodyAt + Math.min(length, BODY_START_BYTES)) {
      // A copy: the read buffer is written again.
      this.#start = Buffer.from(start);
      return;
    }
    const accepted = /"eventsAccepted":(\d+)/.exec(text);
    const status = Number(text.slice(9, 12));
    const eventsAccepted = accepted === null ? 0 : Number(accepted[1]);
    this.#reply = { status, eventsAccepted, retryAfterSeconds: status === 200 ? null : retryAfter(text) };
    this.#start = EMPTY;
    this.#missing = bodyAt + length - start.length;
    if (this.#missing === 0) this.#done();
  }

  #done(): void {
    const onReply = this.#onReply;
    this.#onReply = unasked;
    onReply(this.#reply);
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}

function contentLength(head: string): number {
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head);
  if (length === null) throw new Error(`a reply without content-length: ${head.slice(0, 200)}`);
  return Number(length[1]);
}

function retryAfter(head: string): number | null {
  const seconds = /\r\nretry-after: (\d+)\r\n/i.exec(head);
  return seconds === null ? null : Number(seconds[1]);
}

function unasked(): never {
  throw new Error("the service answered a request that was not sent");
}
