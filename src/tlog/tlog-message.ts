/** What crosses between the tlog thread and the main thread. */
export interface TlogWorkerData {
  readonly folder: string;
  readonly migrationsFolder: string;
  /** Name of this log and epoch in checkpoints, and of the key that signs them. */
  readonly origin: string;
  /** Ed25519 seed, 32 bytes. Never leaves the process. */
  readonly signingSeed: Uint8Array;
  /** File of the guard outside the folder; empty = none. */
  readonly guardPath: string;
  /** Shortest time between two checkpoints, milliseconds. */
  readonly intervalMs: number;
  readonly witnesses: readonly WitnessAddress[];
  /** Cosignatures a checkpoint must have before it is served. */
  readonly witnessQuorum: number;
  /** Memory of the `LeafRing` from the lane. */
  readonly leafRing: SharedArrayBuffer;
}

export interface WitnessAddress {
  /** Where `add-checkpoint` is, without a slash at the end. */
  readonly url: string;
  /** The witness's key, see `parseNoteKey`. */
  readonly key: string;
}

/** A checkpoint that the log has signed, with the cosignatures it has by now. It is served once they are enough. */
export interface SignedCheckpoint {
  /** The signed note, cosignatures included. */
  readonly note: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly cosignatures: number;
}

/** Questions about the tree. An answer is null where the signed tree does not reach. */
export type TlogQuestion =
  | { readonly kind: "tile"; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: "entries"; readonly index: number; readonly width: number }
  | { readonly kind: "inclusion"; readonly offset: number; readonly size: number }
  | { readonly kind: "consistency"; readonly from: number; readonly to: number };

export interface InclusionAnswer {
  readonly record: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export interface ConsistencyAnswer {
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export interface TlogAnswers {
  readonly tile: Uint8Array;
  readonly entries: Uint8Array;
  readonly inclusion: InclusionAnswer;
  readonly consistency: ConsistencyAnswer;
}

export type ToTlog =
  | { readonly kind: "ask"; readonly id: number; readonly question: TlogQuestion }
  | { readonly kind: "stop" };

export type FromTlog =
  | { readonly kind: "checkpoint"; readonly checkpoint: SignedCheckpoint }
  | { readonly kind: "answer"; readonly id: number; readonly answer: TlogAnswers[keyof TlogAnswers] | null }
  /** This folder may not sign: nothing more comes. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Something outside failed (a witness, a full disk); it is tried again. */
  | { readonly kind: "warning"; readonly reason: string };
