import { CodedError } from "../base/errors.js";
import type { Route } from "./http.js";
import { decodePercent } from "./percent-encoding.js";

/**
 * Finds the route of a method and path. A static segment wins over a parameter, whichever was declared first; the path
 * decides before the method does. Built once at start, one visit per trie node at worst.
 */
export type RouteMatch =
  | { readonly kind: "found"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "method-not-allowed"; readonly allow: string }
  | { readonly kind: "not-found" };

interface Leaf {
  readonly route: Route;
  readonly paramNames: readonly string[];
  /** What it is found as, where there are no parameters to find with it. */
  readonly withoutParams: RouteMatch;
}

interface Node {
  readonly children: Map<string, Node>;
  parameter: Node | null;
  readonly leaves: Map<string, Leaf>;
}

const NOT_FOUND: RouteMatch = { kind: "not-found" };
const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});
const PARAMETER = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

export class Router {
  private readonly root: Node = emptyNode();
  /** Nodes by their whole path, where it has no parameter: a static segment wins anyway. */
  private readonly staticNodes = new Map<string, Node>();

  /** Throws on a path that does not start with "/", a malformed parameter, or a route declared twice. */
  constructor(routes: readonly Route[]) {
    for (const route of routes) this.add(route);
  }

  /** Throws INVALID_FIELD_VALUE when a path parameter is not valid percent-encoding of UTF-8. */
  match(method: string, path: string): RouteMatch {
    const staticNode = this.staticNodes.get(path);
    if (staticNode !== undefined) return leafOf(staticNode, method)?.withoutParams ?? notAllowed(staticNode);
    const values: string[] = [];
    const node = find(this.root, path.split("/"), 1, values);
    if (node === null) return NOT_FOUND;
    const leaf = leafOf(node, method);
    if (leaf === undefined) return notAllowed(node);
    return { kind: "found", route: leaf.route, params: decodeParams(leaf.paramNames, values) };
  }

  private add(route: Route): void {
    const segments = route.path.split("/");
    if (segments[0] !== "" || segments.length < 2) throw new Error(`Route path must start with "/": ${route.path}`);
    const paramNames: string[] = [];
    let node = this.root;
    for (const segment of segments.slice(1)) {
      if (segment.includes("{")) {
        const name = PARAMETER.exec(segment)?.[1];
        if (name === undefined) throw new Error(`Malformed parameter in route path: ${route.path}`);
        paramNames.push(name);
        node.parameter ??= emptyNode();
        node = node.parameter;
      } else {
        const child = node.children.get(segment) ?? emptyNode();
        node.children.set(segment, child);
        node = child;
      }
    }
    if (paramNames.length === 0) this.staticNodes.set(route.path, node);
    if (node.leaves.has(route.method)) throw new Error(`Route declared twice: ${route.method} ${route.path}`);
    node.leaves.set(route.method, { route, paramNames, withoutParams: { kind: "found", route, params: NO_PARAMS } });
  }
}

function emptyNode(): Node {
  return { children: new Map(), parameter: null, leaves: new Map() };
}

/** Fills `values` with the raw parameter segments of the node it returns. */
function find(node: Node, segments: readonly string[], at: number, values: string[]): Node | null {
  if (at === segments.length) return node.leaves.size === 0 ? null : node;
  const segment = segments[at]!;
  const child = node.children.get(segment);
  if (child !== undefined) {
    const found = find(child, segments, at + 1, values);
    if (found !== null) return found;
  }
  // An empty segment is never a parameter, so that `/x/` is not `/x/{id}`.
  if (node.parameter === null || segment === "") return null;
  values.push(segment);
  const found = find(node.parameter, segments, at + 1, values);
  if (found === null) values.pop();
  return found;
}

function leafOf(node: Node, method: string): Leaf | undefined {
  return node.leaves.get(method) ?? (method === "HEAD" ? node.leaves.get("GET") : undefined);
}

function notAllowed(node: Node): RouteMatch {
  const methods = [...node.leaves.keys()];
  if (node.leaves.has("GET")) methods.push("HEAD");
  return { kind: "method-not-allowed", allow: methods.sort().join(", ") };
}

function decodeParams(names: readonly string[], values: readonly string[]): Readonly<Record<string, string>> {
  const params: Record<string, string> = {};
  for (let i = 0; i < names.length; i++) {
    const value = decodePercent(values[i]!);
    if (value === null) {
      throw new CodedError(
        "INVALID_FIELD_VALUE",
        `Path parameter "${names[i]}" is not valid percent-encoding of UTF-8`,
      );
    }
    params[names[i]!] = value;
  }
  return params;
}
