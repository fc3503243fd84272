/** Which kind of event an entry holds: what a receipt is for, and how readers know what they got. */

/** In the order of their stored numbers. `event`: a legacy event, vouched for by the credential that sent it. */
export const ENTRY_KINDS = ["ves_event", "event"] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];
