import type { HttpReply, Route, SocketRoute } from "./http.js";

export interface ServerLimits {
  /** Largest request body, bytes: 413 above. */
  readonly bodyBytesMax: number;
}
export interface RequestRecord {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly routes: readonly Route[];
  readonly socketRoutes: readonly SocketRoute[];
  readonly limits: ServerLimits;
  renderProblem(error: unknown, requestId: string): HttpReply;
  onRequest?(record: RequestRecord): void;
  logError(error: unknown, requestId: string): void;
}
