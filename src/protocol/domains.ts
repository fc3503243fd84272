/**
 * Domain strings of the protocol (spec §1.1): each is the ASCII start of one kind of SHA-256 preimage, without length or
 * terminator, so that a hash made for one purpose can never be read as another.
 */
export const DOMAIN_PAYLOAD_PLAIN = "VES_PAYLOAD_PLAIN_V1";
export const DOMAIN_PAYLOAD_AAD = "VES_PAYLOAD_AAD_V1";
export const DOMAIN_PAYLOAD_CIPHER = "VES_PAYLOAD_CIPHER_V1";
export const DOMAIN_RECIPIENTS = "VES_RECIPIENTS_V1";
export const DOMAIN_EVENTSIG = "VES_EVENTSIG_V1";
export const DOMAIN_RECEIPT = "VES_RECEIPT_V1";
export const DOMAIN_POP = "VES_POP_V1";
export const DOMAIN_LEAF = "VES_LEAF_V1";
export const DOMAIN_PAD_LEAF = "VES_PAD_LEAF_V1";
export const DOMAIN_NODE = "VES_NODE_V1";
export const DOMAIN_STREAM = "VES_STREAM_V1";
export const DOMAIN_STATE_ROOT = "VES_STATE_ROOT_V1";
/** Legacy events (spec §9.4): the leaf is the original's, the other two are this service's own. */
export const DOMAIN_LEGACY_LEAF = "STATESET_COMMITMENT_LEAF_V1";
export const DOMAIN_LEGACY_EVENT = "STATESET_EVENT_V1";
export const DOMAIN_LEGACY_RECEIPT = "STATESET_EVENT_RECEIPT_V1";
