/** Of the service and of the commands beside it, by meaning (sysexits where one fits). */
export const EXIT = { ok: 0, failed: 1, usage: 2, fatal: 70, locked: 75 } as const;
