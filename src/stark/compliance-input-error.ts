/** A refused policy, public input or artefact field. The message names the field and carries no amount. */
export class ComplianceInputError extends Error {
  override readonly name = "ComplianceInputError";
}
