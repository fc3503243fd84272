/** WebSocket subprotocols of a subscription. A browser cannot set headers there: its API key travels beside the first. */

/** What a subscription speaks. */
export const ENTRIES_PROTOCOL = "stateset.entries.v1";

/** Followed by the API key; offered by the client, never answered by the server. */
export const KEY_PROTOCOL_PREFIX = "stateset.key.";
