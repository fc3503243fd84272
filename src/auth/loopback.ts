/**
 * Open access is for whoever sits at the machine, and a browser there runs the pages of strangers: one may open a WebSocket to
 * any address, and one whose name is made to point here reads answers and posts as if it were this service's own page.
 */
import type { CredentialHeaders } from "./credential.js";

/** Is the request addressed to loopback by name, and not from a page of somewhere else? */
export function isOfThisMachine(request: CredentialHeaders): boolean {
  const host = request.header("host");
  const origin = request.header("origin");
  return host !== undefined && isLoopback(`http://${host}`) && (origin === undefined || isLoopback(origin));
}

function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || LOOPBACK_ADDRESS.test(hostname);
}

/** As a URL shows it: `127.1` and the like are written out. */
const LOOPBACK_ADDRESS = /^127\.\d+\.\d+\.\d+$/;
