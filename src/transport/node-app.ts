import type { NativeApp } from "./native.js";

export function createNodeApp(): NativeApp {
  throw new Error("no native transport");
}
