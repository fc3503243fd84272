/**
 * Packages that stay packages in the one-file program, because they load machine code or start threads by path, and which of
 * their files go along. Everything else is bundled. A pattern that matches nothing fails the build.
 */
import { NODE_ABI, type Target } from "./targets.js";

export type CopiedPackages = Readonly<Record<string, readonly RegExp[]>>;

const MANIFEST = /^package\.json$/;

export function copiedPackages({ platform, arch }: Target): CopiedPackages {
  const niceBinary = `@napi-rs/nice-${platform}-${arch}-gnu`;
  return {
    "better-sqlite3": [MANIFEST, /^lib\/.*\.js$/, /^build\/Release\/better_sqlite3\.node$/],
    bindings: [MANIFEST, /^bindings\.js$/],
    "file-uri-to-path": [MANIFEST, /^index\.js$/],
    // Starts its own worker.js; takes the priority of its threads from @napi-rs/nice.
    piscina: [MANIFEST, /^dist\/.*\.m?js$/],
    "@napi-rs/nice": [MANIFEST, /^index\.js$/],
    [niceBinary]: [MANIFEST, /^nice\..*\.node$/],
    "sodium-native": [
      MANIFEST,
      /^(index|binding)\.js$/,
      new RegExp(`^prebuilds/${platform}-${arch}/sodium-native\\.node$`),
    ],
    "require-addon": [MANIFEST, /^lib\/.*\.js$/],
    "bare-addon-resolve": [MANIFEST, /^(index|lib\/.*)\.js$/],
    "bare-module-resolve": [MANIFEST, /^(index|lib\/.*)\.js$/],
    "bare-semver": [MANIFEST, /^(index|lib\/.*)\.js$/],
    "which-runtime": [MANIFEST, /^index\.js$/],
    "uWebSockets.js": [MANIFEST, /^src\/uws\.js$/, new RegExp(`^binaries/uws_${platform}_${arch}_${NODE_ABI}\\.node$`)],
  };
}

/** Loaded by name at run time, pure JavaScript: each becomes one file under its own name. */
export const SELF_CONTAINED_PACKAGES: readonly string[] = ["pino-pretty"];

/** Native speed-ups that `ws` does without when they are absent; only the JavaScript transport would use them. */
export const LEFT_OUT: readonly string[] = ["bufferutil", "utf-8-validate"];

/** Build tools whose helper code ends up in what they write. */
export const COMPILED_IN: readonly string[] = ["assemblyscript", "esbuild", "typescript"];
