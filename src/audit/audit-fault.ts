/** What an audit finds: a stored fact that does not hold. Its message is for the operator. */
export class AuditFault extends Error {
  override readonly name = "AuditFault";
}

/** `offset` null = not about one entry. */
export interface Finding {
  readonly offset: number | null;
  readonly message: string;
}

export function expectFact(holds: boolean, message: string): asserts holds {
  if (!holds) throw new AuditFault(message);
}
